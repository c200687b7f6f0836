"""What the journals of `bench cards` say, counted from the records on disk without the service's own code."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hongbao.cards.v1 import events_pb2
from services.cli.bench.cards_load import Told, deal_numbers
from services.cli.bench.cards_mesh import GamePlan
from services.mesh.journal.sqlite_generations import Generations

KINDS = 5
_CARD_NUMBERS = 8
"""Room for a card's number beside that of its deal."""


@dataclass(slots=True)
class Counted:
    """What one game's records come to, over all shards."""

    issued: NDArray[np.int64] = field(default_factory=lambda: np.zeros(KINDS, np.int64))
    """Cards by kind."""
    from_sources: dict[int, int] = field(default_factory=dict)
    deals: list[NDArray[np.int64]] = field(default_factory=list)
    """Person and key in one number, as `deal_numbers` has it."""
    cards: list[NDArray[np.uint8]] = field(default_factory=list)

    def add(self, deal: events_pb2.Deal) -> None:
        """Counts the cards of a record."""
        cards = np.fromiter(deal.cards, np.uint8, len(deal.cards))
        people = np.fromiter(deal.person_ids, np.int64, len(deal.person_ids))
        self.issued += np.bincount(cards, minlength=KINDS + 1)[1:]
        self.from_sources[deal.source] = self.from_sources.get(deal.source, 0) + len(cards)
        # The bench sends one kind of key in a batch: "k7", or "k7/<person>".
        self.deals.append(deal_numbers(people, int(deal.source_keys[0].partition("/")[0][1:])))
        self.cards.append(cards)

    def limit_exceeded(self, plan: GamePlan) -> int:
        """Cards above a card's limit, and above a source's quota."""
        over = sum(
            max(0, int(issued) - limit) for issued, limit in zip(self.issued, plan.limits, strict=True)
        )
        return over + sum(
            max(0, dealt - plan.quotas.get(source, 0)) for source, dealt in self.from_sources.items()
        )

    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Deals and their cards."""
        if not self.deals:
            return np.zeros(0, np.int64), np.zeros(0, np.uint8)
        return np.concatenate(self.deals), np.concatenate(self.cards)


@dataclass(frozen=True, slots=True)
class Compared:
    """What people were told, beside what is on record."""

    lost: int
    """Cards that somebody was told of and that are not on record, or are another kind there."""
    twice: int
    """Records of a card for something that had earned one already."""
    unexplained: int
    """Cards on record that nobody was told of."""


def count_journals(folder: Path, shards: int) -> dict[str, Counted]:
    """What each campaign's shards have dealt, by their journals; nothing may be writing to them."""
    found: dict[str, Counted] = {}
    for shard in range(shards):
        for event in _events(_file(folder, shard)):
            for deal in event.cards_dealt.deals:
                found.setdefault(deal.campaign_id, Counted()).add(deal)
    return found


def compare(counted: Counted, told: Told) -> Compared:
    """Puts answers and records side by side."""
    on_record, answered = _in_order(*counted.columns()), _in_order(*told.columns())
    deals = on_record // _CARD_NUMBERS
    return Compared(
        lost=_missing(answered, on_record),
        twice=int((deals[1:] == deals[:-1]).sum()),
        unexplained=_missing(deals, answered // _CARD_NUMBERS),
    )


def _in_order(deals: NDArray[np.int64], cards: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Deal and card in one number, in order: ten millions are sorted in a second or two."""
    return np.sort(deals * _CARD_NUMBERS + cards)


def _missing(wanted: NDArray[np.int64], there: NDArray[np.int64]) -> int:
    """How many of the ones are not among the others; both are in order."""
    if not len(there):
        return len(wanted)
    places = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    return int((there[places] != wanted).sum())


def journal_bytes(folder: Path, shards: int) -> tuple[int, int]:
    """What the records of all shards take, and their snapshots."""
    files = [_file(folder, shard) for shard in range(shards)]
    return (
        sum(_one(path, "SELECT coalesce(sum(length(payload)), 0) FROM records") for path in files),
        sum(_one(path, "SELECT coalesce(sum(length(state)), 0) FROM snapshot") for path in files),
    )


def _one(path: Path, query: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(query).fetchone()[0])


def _file(folder: Path, shard: int) -> Path:
    generations = Generations(folder / "data" / "cards", shard)
    return generations.path(generations.current())


def _events(path: Path) -> Iterator[events_pb2.CardsEvent]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for (payload,) in connection.execute("SELECT payload FROM records ORDER BY seq"):
            yield events_pb2.CardsEvent.FromString(payload)
