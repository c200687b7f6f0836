"""Journals of cards shards as lists: what is not durable goes with a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from hongbao.cards.v1.events_pb2 import CardsEvent
from services.cards.adapters.records import from_record, to_record
from services.cards.adapters.state import CardsState
from services.cards.domain.events import Change
from services.cards.domain.game import ShardGame
from services.cards.domain.shard import CardsShard
from tests.unit.cards.games import OPENS_MS, SPRING

_LOOP = asyncio.new_event_loop()
"""Futures want one; it never runs."""


@dataclass
class Disk:
    """One shard's journal and its owner's state: an `OwnedShard` whose records become durable by `flush`."""

    hosted: CardsState
    records: list[bytes] = field(default_factory=list)
    seen: list[Change] = field(default_factory=list)
    """What the records say, read back."""
    durable: int = 0
    snapshot: tuple[int, bytes] | None = None

    @property
    def state(self) -> CardsShard:
        return self.hosted.cards

    @property
    def game(self) -> ShardGame:
        return self.state.games[SPRING]

    def commit(self, change: Change) -> Awaitable[int]:
        payload = to_record(change).SerializeToString()
        self.hosted.apply(len(self.records) + 1, OPENS_MS, CardsEvent.FromString(payload))
        self.records.append(payload)
        self.seen.append(from_record(CardsEvent.FromString(payload)))
        durable: asyncio.Future[int] = asyncio.Future(loop=_LOOP)
        durable.set_result(len(self.records))
        return durable

    async def settled(self) -> None:
        self.flush()

    def flush(self) -> None:
        self.durable = len(self.records)

    def keep_snapshot(self) -> None:
        self.flush()
        self.snapshot = (self.durable, self.hosted.snapshot())

    def crash(self) -> None:
        """Loses what is not durable, and reads the rest again, from a snapshot on where there is one."""
        del self.records[self.durable :], self.seen[self.durable :]
        self.hosted = CardsState(self.state.number)
        start = 0
        if self.snapshot is not None:
            start, state = self.snapshot
            self.hosted.restore(state)
        for seq, payload in enumerate(self.records[start:], start=start + 1):
            self.hosted.apply(seq, OPENS_MS, CardsEvent.FromString(payload))

    def changes(self, *, durable_only: bool = False) -> Sequence[Change]:
        return self.seen[: self.durable] if durable_only else self.seen


def new_disk(shard: int) -> Disk:
    """An empty journal."""
    return Disk(CardsState(shard))
