"""Options that several commands take, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.console import Refusal
from services.cli.local_mesh.record import MeshRecord, find_mesh, is_held

Home = Annotated[
    Path, typer.Option(help="Folder of the mesh's data, logs and traces.", envvar="HONGBAO_HOME")
]
HOME = Path(".hongbao")


def running(home: Path) -> MeshRecord:
    """The mesh that runs in a folder. Raises `Refusal` when there is none."""
    mesh = find_mesh(home.absolute())
    if mesh is not None:
        return mesh
    if is_held(home.absolute()):
        raise Refusal(f"the mesh in {home} is starting or ending; try again when it has")
    raise Refusal(f"no mesh runs in {home}; start one with `hongbao up`, or name its folder with --home")
