"""The commands of `hongbao keys`, their options and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hongbao.identity.v1 import privacy_pb2, privacy_pb2_grpc
from services.cli.commands.keys import rotate_key, show_keys
from services.cli.members import ask_member
from services.cli.options import HOME, Home

keys = typer.Typer(
    no_args_is_help=True, help="Shows and rotates the master keys that personal data is kept under."
)


@keys.command(epilog="Example: `hongbao keys status`")
def status(home: Home = HOME) -> None:
    """Lists identity's master keys by their names: how much is under each, and which may be taken away."""
    request = privacy_pb2.ListMasterKeysRequest()
    answer = ask_member(
        home,
        "identity",
        lambda channel, timeout_s: privacy_pb2_grpc.KeyServiceStub(channel).ListMasterKeys(
            request, timeout=timeout_s
        ),
    )
    show_keys(answer.keys)


@keys.command(epilog="Examples: `hongbao keys rotate` &nbsp; `hongbao keys rotate --file /etc/identity.key`")
def rotate(
    home: Home = HOME,
    file: Annotated[
        Path | None, typer.Option(help="The file of keys. Default: identity's in the mesh's folder.")
    ] = None,
) -> None:
    """Puts a new master key before those in a file; a service that runs takes it up within seconds.

    Everything is then wrapped anew in the background. Earlier keys stay in the file: `hongbao keys status`
    says when they may be deleted from it.
    """
    rotate_key(file or home / "data" / "identity.key")
