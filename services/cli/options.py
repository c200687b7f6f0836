"""Options that several commands take, and what they stand for."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.statement import moment
from services.cli.console import Refusal
from services.cli.local_mesh.record import MeshRecord, find_mesh, is_held
from services.cli.operator import is_id

Home = Annotated[
    Path, typer.Option(help="Folder of the mesh's data, logs and traces.", envvar="HONGBAO_HOME")
]
HOME = Path(".hongbao")

_YUAN = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?")


def whole_id(text: str | None) -> str | None:
    """An id of a campaign or round as it was typed. Raises `typer.BadParameter` for what can be none.

    What the mesh would refuse is refused before anything is started for it.
    """
    if text and not is_id(text):
        raise typer.BadParameter(
            f"{text[:60]!r} is no id: 3 to 40 small letters, digits and dashes, no dash at either end"
        )
    return text


def require_success(outcome: bool) -> None:  # noqa: FBT001 - the outcome of a check is all there is
    """Ends the command with exit code 1 unless a check has passed."""
    if not outcome:
        raise typer.Exit(1)


def running(home: Path) -> MeshRecord:
    """The mesh that runs in a folder. Raises `Refusal` when there is none."""
    mesh = find_mesh(home.absolute())
    if mesh is not None:
        return mesh
    if is_held(home.absolute()):
        raise Refusal(f"the mesh in {home} is starting or ending; try again when it has")
    raise Refusal(f"no mesh runs in {home}; start one with `hongbao up`, or name its folder with --home")


def amount_fen(text: str, option: str) -> int:
    """Fen of an amount in yuan. Raises what makes the option's complaint."""
    found = _YUAN.fullmatch(text)
    fen = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    if not fen:
        complaint = f"{text[:60]!r} is no amount above 0 in yuan, such as 3.50"
        raise typer.BadParameter(complaint, param_hint=option)
    return fen


def moment_of(text: str, option: str) -> datetime:
    """A day or time, in Beijing unless it says where. Raises what makes the option's complaint."""
    try:
        return moment(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text[:60]!r} is neither a day, as 2026-02-16, nor a time, as 2026-02-16T20:00",
            param_hint=option,
        ) from None
