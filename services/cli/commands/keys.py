"""`hongbao keys`: master keys, by their names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from hongbao.identity.v1 import privacy_pb2
from services.cli.console import CONSOLE, Refusal
from services.mesh.keys.masters import KeysUnusable, rotate_file
from services.mesh.keys.rotation import shown


def show_keys(keys: Iterable[privacy_pb2.MasterKeyStatus]) -> None:
    """Prints what is under which key."""
    table = Table(title="Master keys", title_justify="left")
    table.add_column("key", no_wrap=True)
    table.add_column("used since", no_wrap=True)
    table.add_column("keys under it", justify="right")
    table.add_column("")
    for key in keys:
        since = f"{key.used_since.ToDatetime():%Y-%m-%d %H:%M:%S} UTC" if key.HasField("used_since") else ""
        table.add_row(key.key_id, since, f"{key.record_count:,}", _standing(key))
    CONSOLE.print(table)


def rotate_key(file: Path) -> None:
    """Puts a new key before those in the file. Raises `Refusal` when that is no file of keys."""
    if not file.exists():
        raise Refusal(f"there is no {file}: name the file of keys with --file")
    try:
        key = rotate_file(file)
    except KeysUnusable as failure:
        raise Refusal(str(failure)) from None
    CONSOLE.print(f"new master key {shown(key.master_id)} in {file}", soft_wrap=True)
    CONSOLE.print("earlier keys stay in it until `hongbao keys status` says that they may go", soft_wrap=True)


def _standing(key: privacy_pb2.MasterKeyStatus) -> str:
    if not key.given:
        return "not given to the service"
    if key.current:
        return "current"
    if key.removable:
        return "may be taken away"
    return "being left" if key.HasField("used_since") else "not in use yet"
