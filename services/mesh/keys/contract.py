"""What services tell of master keys, each in its own contract's `MasterKeyStatus`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from services.mesh.keys.rotation import KeyStatus, shown
from services.mesh.timestamps import timestamp

MessageT = TypeVar("MessageT", bound=Message)


class KeyStatuses(Protocol):
    """Knows which master keys there are."""

    async def status(self) -> Sequence[KeyStatus]:
        """All that are given or in use, oldest first."""
        ...


def key_message(message_type: type[MessageT], status: KeyStatus) -> MessageT:
    """A service's message about one key: it has the same fields in all contracts."""
    told: dict[str, Any] = {
        "key_id": shown(status.master_id),
        "current": status.current,
        "given": status.given,
        "record_count": status.records,
        "used_since": None if status.since_ms is None else timestamp(status.since_ms),
        "removable": status.removable,
    }
    return message_type(**told)
