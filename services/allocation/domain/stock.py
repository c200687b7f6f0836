"""A shard's part of a stock: which claims win, and what became of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.draw import Column, draw
from services.allocation.domain.errors import PacketUnknown
from services.allocation.domain.release import released
from services.allocation.domain.values import PersonId, StockTerms, Totals
from services.allocation.domain.winners import Indexes, People, Winners
from services.mesh.shards.hashing import mix64_column


class ClaimOutcome(enum.IntEnum):
    """What became of one claim. Numbers are the contract's."""

    WON = 1
    ALREADY_WON = 2
    SOLD_OUT = 3
    NOT_RELEASED = 4
    NOT_OPEN = 5
    CLOSED = 6
    WRONG_SHARD = 7
    PERSON_INVALID = 8


class StockPhase(enum.IntEnum):
    """Where a part stands. Numbers are the contract's."""

    SCHEDULED = 1
    OPEN = 2
    SOLD_OUT = 3
    CLOSED = 4


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a batch of claims: columns with one element per claim, in their order."""

    outcomes: NDArray[np.uint8]
    """`ClaimOutcome` numbers."""
    packet_indexes: Indexes
    """Index of the packet, -1 where nothing was won."""
    amounts_fen: NDArray[np.int64]
    """0 where nothing was won."""
    first_packet_index: int
    """Index of the first new winner's packet."""
    winners: People
    """The new winners, in the order of their packets. They are not in the stock yet: that takes the event."""
    winners_fen: NDArray[np.int64]
    """What each new winner gets."""


class Stock:
    """A part of a stock. It changes only by `add` and `close`, which fold what is on record."""

    def __init__(self, terms: StockTerms, shard_count: int) -> None:
        self.terms = terms
        self.closed: Totals | None = None
        """What became of it; None until it is closed."""
        self._shard_mask = np.uint64(shard_count - 1)
        self._winners = Winners(terms.packets.count)
        self._amounts_fen: Column = draw(terms.seed, terms.stock_id, terms.shard, terms.packets)
        self._won_fen = 0

    @property
    def totals(self) -> Totals:
        """What was won so far; the rest would be returned if the part was closed now."""
        return Totals(len(self._winners), self._won_fen, self.terms.packets.budget_fen - self._won_fen)

    @property
    def packets_left(self) -> int:
        """Packets that nobody has won."""
        return self.terms.packets.count - len(self._winners)

    def available(self, now_ms: int) -> int:
        """Packets that are released and not won."""
        terms = self.terms
        out = released(now_ms, terms.window, terms.packets.count, terms.release_curve)
        # A clock that was set back must not make this negative.
        return max(0, out - len(self._winners))

    def phase(self, now_ms: int) -> StockPhase:
        """Where the part stands at this moment."""
        if self.closed is not None or now_ms >= self.terms.window.closes_ms:
            return StockPhase.CLOSED
        if now_ms < self.terms.window.opens_ms:
            return StockPhase.SCHEDULED
        return StockPhase.OPEN if self.packets_left else StockPhase.SOLD_OUT

    def decide(self, people: People, now_ms: int) -> Decision:
        """Decides claims in order, changing nothing.

        Who has won gets the same packet, at any time. Others win the next packets as far as they are released
        and left. A person who appears twice is served once, and told of the same packet again.
        """
        mixed = mix64_column(people)
        indexes = self._winners.find(people, mixed)
        outcomes = np.full(len(people), self._outcome_without_packet(now_ms), np.uint8)
        # An id that cannot be a person's here never gets into the index, so `find` has not found it.
        outcomes[(mixed & self._shard_mask) != self.terms.shard] = ClaimOutcome.WRONG_SHARD
        outcomes[people <= 0] = ClaimOutcome.PERSON_INVALID
        outcomes[indexes >= 0] = ClaimOutcome.ALREADY_WON
        first = len(self._winners)
        winners = people[:0]
        room = self.available(now_ms) if self.phase(now_ms) is StockPhase.OPEN else 0
        if room:
            candidates = np.flatnonzero(outcomes == ClaimOutcome.NOT_RELEASED)
            winners = self._serve(people, candidates, room, outcomes, indexes)
            if first + len(winners) == self.terms.packets.count:
                outcomes[outcomes == ClaimOutcome.NOT_RELEASED] = ClaimOutcome.SOLD_OUT
        won = indexes >= 0
        amounts = np.zeros(len(people), np.int64)
        amounts[won] = self._amounts_fen[indexes[won]]
        winners_fen = self._amounts_fen[first : first + len(winners)].astype(np.int64)
        return Decision(outcomes, indexes, amounts, first, winners, winners_fen)

    def add(self, first_packet_index: int, people: People, amounts_fen: NDArray[np.int64]) -> None:
        """Folds a record of new winners."""
        first = len(self._winners)
        assert self.closed is None, "nothing is won from a closed stock"
        assert first_packet_index == first, "packets are won in the order of their indexes"
        promised = self._amounts_fen[first : first + len(people)]
        assert np.array_equal(promised, amounts_fen), "what is won is what was drawn"
        self._winners.add(people)
        self._won_fen += int(amounts_fen.sum())
        assert self._won_fen <= self.terms.packets.budget_fen, "never a fen over budget"

    def close(self, totals: Totals) -> None:
        """Folds the record of closing."""
        assert totals == self.totals, "a stock is closed with what was won from it"
        self.closed = totals

    def drawn_fen(self, count: int) -> NDArray[np.int64]:
        """Amounts of the first `count` packets, won or not: for those who may know."""
        return self._amounts_fen[:count].astype(np.int64)

    def people(self, start: int, stop: int) -> People:
        """Winners of packets from `start` up to `stop`."""
        return self._winners.people(start, stop)

    def amounts_fen(self, start: int, stop: int) -> NDArray[np.int64]:
        """Amounts of packets from `start` up to `stop`, as far as they are won."""
        return self._amounts_fen[start : min(stop, len(self._winners))].astype(np.int64)

    def packet_of(self, person_id: PersonId) -> tuple[int, int]:
        """Index and amount of what a person won. Raises `PacketUnknown`."""
        person = np.array([person_id], np.int64)
        index = int(self._winners.find(person, mix64_column(person))[0])
        if index < 0:
            raise PacketUnknown(self.terms.stock_id, person_id)
        return index, int(self._amounts_fen[index])

    def _outcome_without_packet(self, now_ms: int) -> ClaimOutcome:
        match self.phase(now_ms):
            case StockPhase.SCHEDULED:
                return ClaimOutcome.NOT_OPEN
            case StockPhase.OPEN:
                return ClaimOutcome.NOT_RELEASED
            case StockPhase.SOLD_OUT:
                return ClaimOutcome.SOLD_OUT
            case StockPhase.CLOSED:
                return ClaimOutcome.CLOSED

    def _serve(
        self,
        people: People,
        candidates: Indexes,
        room: int,
        outcomes: NDArray[np.uint8],
        indexes: Indexes,
    ) -> People:
        """Gives the next packets to the first `room` of the people at these places; returns who won."""
        ids = people[candidates]
        first_places, ranks = _first_places(ids)
        winners = ids[first_places[:room]]
        wins = ranks < room
        served = candidates[wins]
        indexes[served] = len(self._winners) + ranks[wins]
        outcomes[served] = ClaimOutcome.ALREADY_WON
        outcomes[candidates[first_places[:room]]] = ClaimOutcome.WON
        return winners


def _first_places(ids: People) -> tuple[Indexes, Indexes]:
    """Where each distinct id appears first, in order; and for every place, its id's rank in that order."""
    by_id = np.argsort(ids, kind="stable")
    ordered = ids[by_id]
    begins = np.ones(len(ids), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    if begins.all():
        everyone = np.arange(len(ids))
        return everyone, everyone
    firsts = by_id[begins]
    ranks_of_firsts = np.empty(len(firsts), np.int64)
    ranks_of_firsts[np.argsort(firsts)] = np.arange(len(firsts))
    ranks = np.empty(len(ids), np.int64)
    ranks[by_id] = ranks_of_firsts[np.cumsum(begins) - 1]
    return np.sort(firsts), ranks
