"""What `hongbao audit` says while it works, and what it takes."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.commands import audit
from services.cli.commands.audit import read_tip
from services.cli.proofs.ledger.findings import Finding, NotedTip


def test_where_nobody_watches_a_line_now_and_then_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "_LINE_S", 0.0)
    with audit._Watched() as watched:
        watched.note(2, 4_000, 1_000)
        watched.note(2, 4_000, 4_000)
    assert capsys.readouterr().err.splitlines() == [
        "shard 2: 1,000 of 4,000 records",
        "shard 2: 4,000 of 4,000 records",
    ]


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with audit._Watched() as watched:
        watched.note(0, 10, 10)
    assert capsys.readouterr().err == ""


def test_a_tip_is_read_as_an_audit_shows_it() -> None:
    digest = bytes(range(32))
    assert read_tip(f"3:17:{digest.hex()}") == NotedTip(3, 17, digest, "the tip given")


@pytest.mark.parametrize(
    "text",
    ["", "3:17", "3:17:xyz", "3:17:00:1", "a:17:00", "3:1.5:00", f"-1:17:{'00' * 32}", f"3:17:{'00' * 31}"],
)
def test_what_is_no_tip_is_one_clear_line(text: str) -> None:
    with pytest.raises(ValueError, match="SHARD:RECORD:DIGEST"):
        read_tip(text)


def test_a_finding_names_shard_and_record() -> None:
    assert str(Finding(3, 17, "is missing")) == "shard 3, record 17 is missing"
    assert str(Finding(3, None, "cannot be read")) == "shard 3 cannot be read"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--shard", "4"], "there are 4 shards"),
        (["--tip", "0:17:00"], "write SHARD:RECORD:DIGEST"),
        (["--tip", f"4:17:{'00' * 32}"], "there are 4 shards"),
        (["--shard", "1", "--tip", f"3:17:{'00' * 32}"], "shard 3 is not the one to be audited"),
        (["--journal", "nonsense"], "a journal's address is"),
        (["--statements", "mysql://ledger"], "a journal's address is"),
        (["--journal", "0-1=sqlite:a"], "shard 2 is in no group"),
        (["--journal", "0-2=sqlite:a,2-3=sqlite:b"], "shard 2 is in two groups"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(options: list[str], complaint: str) -> None:
    outcome = CliRunner().invoke(app, ["audit", *options])
    assert outcome.exit_code == 2
    assert complaint in outcome.output
