from __future__ import annotations

import errno
from pathlib import Path

import pytest

from services.cli.console import answer, sentence_for, visible
from services.cli.gala.crowd import Overdue
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.server import StartFailed


def remote(kind: ErrorKind, message: str) -> ServiceError:
    return ServiceError.rebuilt(
        kind=kind,
        domain="hongbao.allocation",
        reason="ANY",
        message=message,
        metadata={},
        retry_delay_ms=None,
    )


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (remote(ErrorKind.NOT_FOUND, "there is no campaign x"), "there is no campaign x"),
        (
            remote(ErrorKind.UNAVAILABLE, "shard 1 has no owner"),
            "shard 1 has no owner; see `hongbao shards` and the logs of the mesh",
        ),
        (
            remote(ErrorKind.DEADLINE, "Deadline Exceeded"),
            "the mesh did not answer in time (Deadline Exceeded); its logs may say why",
        ),
        (Overdue("after 60 s round-1 is not closed"), "after 60 s round-1 is not closed"),
        (StartFailed("no database"), "no database"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "cannot use /x: permission denied"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "cannot use the output: no space left on device",
        ),
        (ExceptionGroup("several", [StartFailed("first"), StartFailed("second")]), "first"),
    ],
)
def test_every_failure_has_a_sentence(failure: Exception, sentence: str) -> None:
    assert sentence_for(failure) == sentence


def test_a_failure_is_one_line_on_standard_error_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HONGBAO_LOG_LEVEL", raising=False)

    def command_line() -> None:
        (tmp_path / "a file").write_text("")
        (tmp_path / "a file" / "home").mkdir()

    with pytest.raises(SystemExit) as ended:
        answer(command_line)
    assert ended.value.code == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"hongbao: cannot use {tmp_path}/a file/home: not a directory\n"


def test_a_fault_of_our_own_says_where_it_is_and_more_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command_line() -> None:
        raise KeyError("a [bracket]")

    monkeypatch.delenv("HONGBAO_LOG_LEVEL", raising=False)
    with pytest.raises(SystemExit):
        answer(command_line)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "hongbao: this should not have happened: KeyError: 'a [bracket]' (test_console.py, line "
    )
    monkeypatch.setenv("HONGBAO_LOG_LEVEL", "debug")
    with pytest.raises(SystemExit):
        answer(command_line)
    assert "Traceback" in capsys.readouterr().err


def test_what_others_wrote_moves_no_cursor_and_begins_no_line() -> None:
    assert visible("红包　少了 \x1b[2J\x1b]0;x\x07\n2026 operator li: approve \u202e\x00") == (
        "红包　少了 \\x1b[2J\\x1b]0;x\\x07\\n2026 operator li: approve \\u202e\\x00"
    )
