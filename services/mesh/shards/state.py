"""What a service brings for each of its shards: a state that is a fold over the shard's journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable


class ShardState(Protocol):
    """A shard's state: a fold over its journal. Pure and deterministic, so that replay gives the same."""

    def apply(self, seq: int, time_ms: int, event: Any) -> None:
        """Folds one event in. Called once for each record, in order, live and in recovery alike.

        Must not raise: an event that cannot be applied must be refused before it is committed. If it
        raises all the same, the shard is given up and rebuilt from the journal.
        """
        ...

    def snapshot(self) -> bytes:
        """The whole state. Called between two events; it runs on the event loop, so it should be quick.

        A state that is too large for that is a `FreezableState` as well.
        """
        ...

    def restore(self, state: bytes) -> None:
        """Takes over a state that `snapshot` made. Called on a fresh state, before any `apply`."""
        ...


@runtime_checkable
class FreezableState(Protocol):
    """A state whose snapshot can be written out while the state goes on changing."""

    def freeze(self) -> Callable[[], bytes]:
        """What makes the snapshot of this moment, later and in another thread.

        Called between two events, on the event loop. What it returns must only read what no event changes:
        copies of what is small, and views of columns that only ever grow at their end.
        """
        ...


S = TypeVar("S", bound=ShardState)


def frozen(state: object) -> Callable[[], bytes] | None:
    """What makes the snapshot of this moment later; None where that is to be made now."""
    return state.freeze() if isinstance(state, FreezableState) else None
