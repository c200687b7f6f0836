from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

from hongbao.identity.v1 import privacy_pb2
from hongbao.social.v1 import key_pb2
from services.cli.app import app
from services.cli.commands.keys import show_keys
from services.cli.console import CONSOLE, Refusal
from services.mesh.keys.masters import MasterKeys, make_file
from services.mesh.keys.rotation import shown


def test_rotating_names_the_new_key_and_tells_none(tmp_path: Path) -> None:
    file = tmp_path / "data" / "identity.key"
    make_file(file)
    before = MasterKeys.from_file(file)
    outcome = CliRunner().invoke(app, ["keys", "rotate", "--home", str(tmp_path)])
    after = MasterKeys.from_file(file)
    assert outcome.exit_code == 0
    assert after.others == before.all
    assert shown(after.current.master_id) in outcome.output
    assert not any(key.raw.hex() in outcome.output for key in after.all)


def test_a_file_that_is_not_there_is_not_rotated(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["keys", "rotate", "--file", str(tmp_path / "nothing")])
    assert isinstance(outcome.exception, Refusal)
    assert not (tmp_path / "nothing").exists()


def test_keys_of_a_mesh_that_does_not_run_are_not_listed(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["keys", "status", "--home", str(tmp_path)])
    assert isinstance(outcome.exception, Refusal)


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        ({"current": True, "given": True, "record_count": 1_234}, "1,234 │ current"),
        ({"given": True, "removable": True}, "0 │ may be taken away"),
        ({"given": True, "record_count": 7}, "7 │ being left"),
        ({"record_count": 7}, "7 │ not given to the service"),
    ],
)
def test_every_standing_of_a_key_has_words(standing: dict[str, Any], words: str) -> None:
    key = privacy_pb2.MasterKeyStatus(
        key_id="1f2e3d4c5b6a7988", used_since=Timestamp(seconds=1_454_846_400), **standing
    )
    with CONSOLE.capture() as captured:
        show_keys({"identity": [key]})
    assert words in captured.get()
    assert "2016-02-07 12:00:00 UTC" in captured.get()


def test_a_key_that_is_only_known_is_not_in_use_yet() -> None:
    with CONSOLE.capture() as captured:
        show_keys({"social": [key_pb2.MasterKeyStatus(key_id="1f2e3d4c5b6a7988", given=True)]})
    assert "not in use yet" in captured.get()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"current": True, "given": True, "record_count": 7}, ["needed by social", "current"]),
        ({"given": True, "record_count": 7}, ["needed by social", "being left"]),
        ({"record_count": 7}, ["needed by social", "not given to the service"]),
        ({"given": True, "removable": True}, ["may be taken away", "may be taken away"]),
        # It has never used it, and has another one.
        ({"given": True}, ["may be taken away", "may be taken away"]),
    ],
)
def test_a_key_that_two_services_have_may_be_taken_away_when_neither_needs_it(
    other: dict[str, Any], words: list[str]
) -> None:
    name = "1f2e3d4c5b6a7988"
    left = privacy_pb2.MasterKeyStatus(key_id=name, given=True, removable=True)
    elsewhere = privacy_pb2.MasterKeyStatus(key_id="0123456789abcdef", given=True, removable=True)
    with CONSOLE.capture() as captured:
        show_keys({"identity": [left, elsewhere], "social": [key_pb2.MasterKeyStatus(key_id=name, **other)]})
    rows = [row.strip("│ ").split(" │ ") for row in captured.get().splitlines() if "│" in row]
    assert [(row[0].strip(), row[-1].strip()) for row in rows] == [
        ("identity", words[0]),
        ("identity", "may be taken away"),
        ("social", words[1]),
    ]
