"""A shard's part of a stock: which claims win, and what became of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.decision import ClaimOutcome, Decision, StockPhase
from services.allocation.domain.draw import Column, draw
from services.allocation.domain.lots import NO_PACKETS, Holding, Lot, Parcel
from services.allocation.domain.release import released
from services.allocation.domain.stock_errors import PacketUnknown
from services.allocation.domain.transfer_errors import TransferOutOfOrder
from services.allocation.domain.transfers import Answer, Request, Transfers
from services.allocation.domain.values import BeaconValue, DrawRule, PersonId, StockTerms, Totals
from services.allocation.domain.winners import Indexes, People, Winners
from services.mesh.shards.hashing import mix64_column

__all__ = ["ClaimOutcome", "Decision", "Stock", "StockPhase"]


class Stock:
    """A part of a stock. It changes only by what is on record: its opening, wins, transfers, and its end."""

    def __init__(self, terms: StockTerms, shard_count: int, amounts_fen: Column | None = None) -> None:
        """`amounts_fen` are the drawn ones, if they are ready; with a beacon they come with its value."""
        self.terms = terms
        self.beacon: BeaconValue | None = None
        """The value that it was opened with; None until then, and without a beacon."""
        self.closed: Totals | None = None
        """What became of it; None until it is closed."""
        self.drawn: Column | None = None
        """The amounts that the rule gives this part, by drawn index; None until they are fixed. Only read."""
        self.transfers = Transfers()
        """Packets that came from other shards, and went to them. Only the fold changes it."""
        self.leftovers_may_come = False
        """Whether other shards have packets that may move here. Not on record: the owner finds it out."""
        self.ran_dry_ms = -1
        """When claims last wanted more than was available, milliseconds since the Unix epoch; below 0 for
        never. Not on record."""
        self._shard_mask = np.uint64(shard_count - 1)
        self._winners = Winners(terms.packets.count)
        self._holding = Holding(terms.shard, terms.packets.count)
        if terms.draw_rule is DrawRule.SEED:
            if amounts_fen is None:
                amounts_fen = draw(terms.seed, terms.stock_id, terms.shard, terms.packets)
            self._fill(amounts_fen)
        self._won_fen = 0

    @property
    def totals(self) -> Totals:
        """What was won so far; the rest would be returned if the part was closed now."""
        return Totals(len(self._winners), self._won_fen, self.budget_fen - self._won_fen)

    @property
    def packet_count(self) -> int:
        """Packets that are here, won ones included."""
        return len(self._holding)

    @property
    def budget_fen(self) -> int:
        """What the packets that are here are worth, won ones included."""
        moved_fen = self.transfers.received_fen - self.transfers.sent_fen
        return self.terms.packets.budget_fen + moved_fen

    @property
    def is_drawn(self) -> bool:
        """Whether the amounts are fixed: always without a beacon, with one as soon as it is opened."""
        return self.beacon is not None or self.terms.draw_rule is DrawRule.SEED

    @property
    def packets_left(self) -> int:
        """Packets that nobody has won."""
        return len(self._holding) - len(self._winners)

    def available(self, now_ms: int) -> int:
        """Packets that are released and not won. Those that came from elsewhere had been released there."""
        terms, transfers = self.terms, self.transfers
        if not self.is_drawn:
            return 0
        out = released(
            now_ms, terms.window, terms.packets.count, terms.release_curve, terms.release_table_ppm
        )
        out += transfers.packets_received - transfers.packets_sent
        # A clock that was set back must not make this negative.
        return max(0, out - len(self._winners))

    def phase(self, now_ms: int) -> StockPhase:
        """Where the part stands at this moment."""
        if self.closed is not None or now_ms >= self.terms.window.closes_ms:
            return StockPhase.CLOSED
        if now_ms < self.terms.window.opens_ms or not self.is_drawn:
            return StockPhase.SCHEDULED
        return StockPhase.OPEN if self.packets_left or self.leftovers_may_come else StockPhase.SOLD_OUT

    def decide(self, people: People, now_ms: int) -> Decision:
        """Decides claims in order, changing nothing that is on record.

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
        is_open = self.phase(now_ms) is StockPhase.OPEN
        room = self.available(now_ms) if is_open else 0
        if room:
            candidates = np.flatnonzero(outcomes == ClaimOutcome.NOT_RELEASED)
            winners = self._serve(people, candidates, room, outcomes, indexes)
            if first + len(winners) == len(self._holding) and not self.leftovers_may_come:
                outcomes[outcomes == ClaimOutcome.NOT_RELEASED] = ClaimOutcome.SOLD_OUT
        if is_open and len(winners) == room and (outcomes == ClaimOutcome.NOT_RELEASED).any():
            self.ran_dry_ms = now_ms
        won = indexes >= 0
        amounts = np.zeros(len(people), np.int64)
        amounts[won] = self._holding.amounts_at(indexes[won])
        winners_fen = self._holding.amounts_fen(first, first + len(winners))
        return Decision(outcomes, indexes, amounts, first, winners, winners_fen)

    def open(self, beacon: BeaconValue, amounts_fen: Column | None = None) -> None:
        """Folds the record of the beacon's value. `amounts_fen` are those drawn with it, if ready."""
        terms = self.terms
        assert not self.is_drawn, "the amounts are fixed once"
        assert self.closed is None, "a closed stock stays as it is"
        self.beacon = beacon
        if amounts_fen is None:
            amounts_fen = draw(terms.seed, terms.stock_id, terms.shard, terms.packets, beacon)
        self._fill(amounts_fen)

    def add(self, first_packet_index: int, people: People, amounts_fen: NDArray[np.int64]) -> None:
        """Folds a record of new winners."""
        first = len(self._winners)
        assert self.closed is None, "nothing is won from a closed stock"
        assert first_packet_index == first, "packets are won in the order of their indexes"
        promised = self._holding.amounts_fen(first, first + len(people))
        assert np.array_equal(promised, amounts_fen), "what is won is what was drawn"
        self._winners.add(people)
        self._won_fen += int(amounts_fen.sum())
        assert self._won_fen <= self.budget_fen, "never a fen over budget"

    def next_request(self, from_shard: int, wanted: int) -> Request:
        """The request to put on record before another shard is asked for packets."""
        return Request(from_shard, self.transfers.next_no(from_shard), wanted)

    def answered(self, to_shard: int, no: int) -> Parcel | None:
        """What another shard's request was answered; None when it needs an answer.

        Raises `TransferOutOfOrder` for a request that can be neither the last one again nor the next.
        """
        last = self.transfers.answer(to_shard)
        last_no = 0 if last is None else last.no
        if last is not None and no == last_no:
            return last.parcel
        if self.closed is not None and no > last_no:
            return NO_PACKETS  # For ever, so it need not be on record.
        if no != last_no + 1:
            raise TransferOutOfOrder(self.terms, to_shard, no, last_no)
        return None

    def offer(self, count: int) -> Parcel:
        """The packets that would go next, which stay where they are: the last ones."""
        return self._holding.last(count)

    def request(self, request: Request) -> None:
        """Folds the record of a request for packets."""
        assert self.closed is None, "a closed stock asks for nothing"
        self.transfers.request(request)

    def send(self, answer: Answer) -> None:
        """Folds the record of an answer to another shard: packets that are not here any more."""
        parcel = answer.parcel
        assert self.closed is None, "nothing leaves a closed stock"
        assert parcel.count <= self.packets_left, "what is won stays"
        assert parcel.same_as(self.offer(parcel.count)), "packets go from the end"
        self.transfers.sent(answer)
        self._holding.drop_last(parcel.count)

    def receive(self, from_shard: int, no: int, parcel: Parcel) -> None:
        """Folds the record of what another shard has sent."""
        assert self.closed is None, "nothing comes to a closed stock"
        self.transfers.received(from_shard, no, parcel)
        self._holding.append(parcel)
        self._winners.reserve(len(self._holding))

    def restore_holding(self, lots: tuple[Lot, ...], foreign_amounts_fen: NDArray[np.int64]) -> None:
        """Takes over from a snapshot which packets are here; before its winners."""
        assert not len(self._winners), "winners are kept by the packets that they won"
        self._holding.restore(lots, foreign_amounts_fen)
        self._winners.reserve(len(self._holding))

    def close(self, totals: Totals) -> None:
        """Folds the record of closing."""
        assert self.transfers.outstanding is None, "nothing may be on its way to a closed stock"
        assert totals == self.totals, "a stock is closed with what was won from it"
        self.closed = totals

    @property
    def holding(self) -> Holding:
        """The packets that are here, won or not: for those who may know."""
        return self._holding

    def drawn_fen(self, count: int) -> NDArray[np.int64]:
        """Amounts of the first `count` packets, won or not: for those who may know."""
        return self._holding.amounts_fen(0, count)

    def people(self, start: int, stop: int) -> People:
        """Winners of packets from `start` up to `stop`."""
        return self._winners.people(start, stop)

    def amounts_fen(self, start: int, stop: int) -> NDArray[np.int64]:
        """Amounts of packets from `start` up to `stop`, as far as they are won."""
        return self._holding.amounts_fen(start, min(stop, len(self._winners)))

    def identities(self, start: int, stop: int) -> tuple[Indexes, Indexes]:
        """As `Holding.identities`, as far as the packets are won."""
        return self._holding.identities(start, min(stop, len(self._winners)))

    def packet_of(self, person_id: PersonId) -> tuple[int, int]:
        """Index and amount of what a person won. Raises `PacketUnknown`."""
        person = np.array([person_id], np.int64)
        index = int(self._winners.find(person, mix64_column(person))[0])
        if index < 0:
            raise PacketUnknown(self.terms.stock_id, person_id)
        return index, int(self._holding.amounts_at(np.array([index]))[0])

    def _fill(self, amounts_fen: Column) -> None:
        """Takes the amounts, once they are fixed."""
        total_fen = int(amounts_fen.sum(dtype=np.int64))
        assert total_fen == self.terms.packets.budget_fen, "what was drawn pays out the budget, exactly"
        self.drawn = amounts_fen
        self._holding.fill(amounts_fen)

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
