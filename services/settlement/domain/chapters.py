"""Chapters: subjects that a shard keeps beside its balances, each in a room of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hongbao.settlement.v1 import events_pb2 as pb


class Chapter(Protocol):
    """One subject's part of a shard's state: a fold of the same journal, and a part of the same snapshot."""

    def note(self, seq: int, time_ms: int, event: pb.SettlementEvent) -> None:
        """Folds an event in, after the ledger has posted its transfers. Must not raise."""
        ...

    def freeze(self) -> Callable[[pb.ShardSnapshot], None]:
        """Copies what is needed of this moment; what it returns fills a snapshot later, in another thread."""
        ...

    def restore(self, snapshot: pb.ShardSnapshot) -> None:
        """Takes over what `freeze` wrote. Called on a fresh chapter."""
        ...
