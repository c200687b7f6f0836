"""The commands of `hongbao keys`, their options and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hongbao.identity.v1 import privacy_pb2, privacy_pb2_grpc
from hongbao.social.v1 import key_pb2, key_pb2_grpc
from services.cli.commands.keys import rotate_key, show_keys
from services.cli.members import ask_member
from services.cli.options import HOME, Home

keys = typer.Typer(
    no_args_is_help=True, help="Shows and rotates the master keys that personal data is kept under."
)


@keys.command(epilog="Example: `hongbao keys status`")
def status(home: Home = HOME) -> None:
    """Lists the master keys of identity and social by their names.

    For each it says how much is under it, and whether it may be taken away: only when no service needs it.
    """
    of_identity = ask_member(
        home,
        "identity",
        lambda channel, timeout_s: privacy_pb2_grpc.KeyServiceStub(channel).ListMasterKeys(
            privacy_pb2.ListMasterKeysRequest(), timeout=timeout_s
        ),
    )
    of_social = ask_member(
        home,
        "social",
        lambda channel, timeout_s: key_pb2_grpc.KeyServiceStub(channel).ListMasterKeys(
            key_pb2.ListMasterKeysRequest(), timeout=timeout_s
        ),
    )
    show_keys({"identity": of_identity.keys, "social": of_social.keys})


@keys.command(
    epilog="Examples: `hongbao keys rotate` &nbsp; `hongbao keys rotate --file .hongbao/data/social.key`"
)
def rotate(
    home: Home = HOME,
    file: Annotated[
        Path | None,
        typer.Option(help="The file of keys. Default: identity's in the mesh's folder; social has its own."),
    ] = None,
) -> None:
    """Puts a new master key before those in a file; services that run take it up within a minute.

    Everything is then wrapped anew in the background. Earlier keys stay in the file: `hongbao keys status`
    says when they may be deleted from it.
    """
    rotate_key(file or home / "data" / "identity.key")
