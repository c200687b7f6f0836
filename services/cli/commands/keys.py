"""`hongbao keys`: master keys, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from hongbao.identity.v1 import privacy_pb2
from hongbao.social.v1 import key_pb2
from services.cli.console import CONSOLE, Refusal
from services.mesh.keys.masters import KeysUnusable, rotate_file
from services.mesh.keys.rotation import shown

Status = privacy_pb2.MasterKeyStatus | key_pb2.MasterKeyStatus
"""What a service says of a key: the same in every contract."""


def show_keys(keys: Mapping[str, Iterable[Status]]) -> None:
    """Prints what is under which key, by the services asked: all that keep anything under master keys."""
    told = [(service, key) for service, of_service in keys.items() for key in of_service]
    left = {key.key_id for _, key in told if key.removable}
    table = Table(title="Master keys", title_justify="left")
    table.add_column("service", no_wrap=True)
    table.add_column("key", no_wrap=True)
    table.add_column("used since", no_wrap=True)
    table.add_column("keys under it", justify="right")
    table.add_column("")
    for service, key in told:
        since = f"{key.used_since.ToDatetime():%Y-%m-%d %H:%M:%S} UTC" if key.HasField("used_since") else ""
        # Services may share a file: nobody can take a key away from one of them alone.
        needing = [other for other, same in told if same.key_id == key.key_id and _is_needed(same)]
        standing = _standing(key, needing, left=key.key_id in left)
        table.add_row(service, key.key_id, since, f"{key.record_count:,}", standing)
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


def _is_needed(key: Status) -> bool:
    return key.current or key.record_count > 0


def _standing(key: Status, needing: Sequence[str], *, left: bool) -> str:
    """Words for where a key stands, with a service; `left` when it has been in use, and is not any more."""
    if not key.given:
        return "not given to the service"
    if key.current:
        return "current"
    if key.record_count:
        return "being left"
    if not left:
        return "not in use yet"
    return f"needed by {', '.join(needing)}" if needing else "may be taken away"
