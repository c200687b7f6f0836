"""Places where a test lets a process die: none of them does anything to a process that was not told to."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.mesh.failpoints import POINTS, arm_failpoints, failpoint, read_words
from services.mesh.settings import MeshSettings

SERVICES = Path(__file__).resolve().parents[3] / "services"
COMES_BY_THREE_TIMES = """
from services.mesh.failpoints import arm_failpoints, failpoint
arm_failpoints(["claim.recorded=kill@3"])
for turn in range(5):
    failpoint("claim.durable")
    failpoint("claim.recorded")
    print(turn, flush=True)
"""


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm_failpoints(())


def test_a_process_dies_where_and_when_it_was_told_to() -> None:
    ended = subprocess.run(  # noqa: S603 - the program is the constant above
        [sys.executable, "-c", COMES_BY_THREE_TIMES],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SERVICES.parent)},
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (-9, "0\n1\n")
    assert ended.stderr == "failpoint claim.recorded: killed\n"


def test_a_place_that_is_not_armed_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _pid, number: killed.append(number))
    failpoint("claim.recorded")
    arm_failpoints(["claim.durable=kill"])
    failpoint("claim.recorded")
    assert killed == []


def test_settings_arm_nothing_unless_it_is_allowed() -> None:
    with pytest.raises(ValidationError, match="HONGBAO_FAILPOINTS_ALLOWED=1"):
        MeshSettings.model_validate({"failpoints": "claim.recorded=kill"})
    allowed = MeshSettings.model_validate({"failpoints": "claim.recorded=kill", "failpoints_allowed": True})
    assert allowed.failpoints == ("claim.recorded=kill",)


@pytest.mark.parametrize(
    "word", ["claim.forgotten=kill", "claim.recorded", "claim.recorded=sleep", "claim.recorded=kill@0"]
)
def test_settings_name_only_places_that_there_are(word: str) -> None:
    with pytest.raises(ValueError, match=r"failpoint|is not of the form"):
        read_words([word])
    with pytest.raises(ValidationError):
        MeshSettings.model_validate({"failpoints": word, "failpoints_allowed": True})


def test_every_place_of_the_table_is_in_the_code_once_and_no_other_is() -> None:
    assert places_in_the_code() == Counter(POINTS.keys())


def places_in_the_code() -> Counter[str]:
    """The names of all failpoints that the services pass."""
    return Counter(
        argument.value
        for file in SERVICES.rglob("*.py")
        if "cli" not in file.relative_to(SERVICES).parts
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "failpoint"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )
