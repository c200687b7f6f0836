"""Journals of cards shards as lists: what is not durable goes with a crash."""

from __future__ import annotations

from dataclasses import dataclass, field

from hongbao.cards.v1.events_pb2 import CardsEvent
from services.cards.adapters.records import from_record, to_record
from services.cards.adapters.state import CardsState
from services.cards.domain.events import Change
from services.cards.domain.game import ShardGame
from tests.unit.cards.games import OPENS_MS, SPRING


@dataclass
class Disk:
    """One shard's journal, and the state that its owner has of it."""

    state: CardsState
    records: list[bytes] = field(default_factory=list)
    durable: int = 0
    snapshot: tuple[int, bytes] | None = None

    @property
    def game(self) -> ShardGame:
        return self.state.cards.games[SPRING]

    def commit(self, change: Change) -> None:
        payload = to_record(change).SerializeToString()
        self.state.apply(len(self.records) + 1, OPENS_MS, CardsEvent.FromString(payload))
        self.records.append(payload)

    def flush(self) -> None:
        self.durable = len(self.records)

    def keep_snapshot(self) -> None:
        self.flush()
        self.snapshot = (self.durable, self.state.snapshot())

    def crash(self) -> None:
        del self.records[self.durable :]
        self.state = CardsState(self.state.cards.number)
        start = 0
        if self.snapshot is not None:
            start, state = self.snapshot
            self.state.restore(state)
        for seq, payload in enumerate(self.records[start:], start=start + 1):
            self.state.apply(seq, OPENS_MS, CardsEvent.FromString(payload))

    def changes(self, *, durable_only: bool = False) -> list[Change]:
        last = self.durable if durable_only else len(self.records)
        return [from_record(CardsEvent.FromString(payload)) for payload in self.records[:last]]


def new_disk(shard: int) -> Disk:
    """An empty journal."""
    return Disk(CardsState(shard))
