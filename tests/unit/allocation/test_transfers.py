"""Three shards that move packets among themselves, crash, ask again, and never lose or double one."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hongbao.allocation.v1 import events_pb2
from services.allocation.api.messages import packets_won
from services.allocation.domain import records
from services.allocation.domain.draw import draw
from services.allocation.domain.lots import Lot, Parcel
from services.allocation.domain.split import split
from services.allocation.domain.state import AllocationState
from services.allocation.domain.stock import ClaimOutcome, Stock, StockPhase
from services.allocation.domain.transfer_errors import TransferOutOfOrder
from services.allocation.domain.transfer_records import packets_received, packets_requested, packets_sent
from services.allocation.domain.transfers import Answer, Request
from services.allocation.domain.values import NOTHING, Packets, ReleaseCurve
from tests.unit.allocation.terms import OPENS_MS, SEED, people_of, stock_terms

SHARDS = 4
STOCK = "spring.round-1"
WHOLE = Packets(count=40, budget_fen=6_680, min_fen=1, max_fen=880)
PEOPLE = [people_of(shard, SHARDS, 60) for shard in range(SHARDS)]
DRAWN = [
    draw(SEED, stock_terms(WHOLE).stock_id, shard, part) for shard, part in enumerate(split(WHOLE, SHARDS))
]
EVENT = events_pb2.AllocationEvent


class Owner:
    """A shard's owner, with a journal that survives it."""

    def __init__(self, shard: int, curve: ReleaseCurve) -> None:
        self.shard = shard
        self.state = AllocationState(shard, SHARDS)
        self.journal: list[bytes] = []
        terms = stock_terms(split(WHOLE, SHARDS)[shard], shard=shard, curve=curve)
        self.commit(EVENT(stock_prepared=records.stock_prepared(terms)))

    @property
    def stock(self) -> Stock:
        return self.state.stock(STOCK)

    def commit(self, event: events_pb2.AllocationEvent) -> None:
        self.journal.append(event.SerializeToString())
        self.state.apply(len(self.journal), OPENS_MS, EVENT.FromString(self.journal[-1]))

    def crash(self, snapshot_at: int) -> None:
        """Forgets everything but the journal, and a snapshot of some moment."""
        before, kept = self.state.snapshot(), AllocationState(self.shard, SHARDS)
        self._replay(kept, 0, snapshot_at)
        self.state = AllocationState(self.shard, SHARDS)
        if snapshot_at:
            self.state.restore(kept.snapshot())
        self._replay(self.state, snapshot_at, len(self.journal))
        assert self.state.snapshot() == before

    def ask(self, from_shard: int, wanted: int) -> None:
        self.commit(packets_requested(self.stock.terms, self.stock.next_request(from_shard, wanted)))

    def answer(self, to_shard: int, no: int, count: int) -> Parcel:
        """As an owner answers: what was answered before, else what there is now, on record."""
        before = self.stock.answered(to_shard, no)
        if before is not None:
            return before
        parcel = self.stock.offer(count)
        self.commit(packets_sent(self.stock.terms, Answer(to_shard, no, parcel)))
        return parcel

    def _replay(self, state: AllocationState, start: int, stop: int) -> None:
        for seq in range(start, stop):
            state.apply(seq + 1, OPENS_MS, EVENT.FromString(self.journal[seq]))


shards = st.integers(0, SHARDS - 1)


class Moving(RuleBasedStateMachine):
    """Requests and answers are messages that may be lost, late, and repeated."""

    @initialize(curve=st.sampled_from([ReleaseCurve.IMMEDIATE, ReleaseCurve.LINEAR]))
    def prepare(self, curve: ReleaseCurve) -> None:
        self.now_ms = OPENS_MS
        self.owners = [Owner(shard, curve) for shard in range(SHARDS)]
        self.requests: list[tuple[int, Request]] = []
        """Everything that was ever sent, with who sent it: any of it may arrive again."""
        self.answers: list[tuple[int, Request, Parcel]] = []
        self.told: dict[tuple[int, int], tuple[int, int]] = {}
        """What each person was told: position and amount."""

    @rule(shard=shards, count=st.integers(1, 8), data=st.data())
    def claim(self, shard: int, count: int, data: st.DataObject) -> None:
        owner = self.owners[shard]
        people = data.draw(st.lists(st.sampled_from(PEOPLE[shard]), min_size=count, max_size=count))
        decision = owner.stock.decide(np.array(people, np.int64), self.now_ms)
        if len(decision.winners):
            owner.commit(packets_won(owner.stock, decision))
        for person, index, amount_fen in zip(
            people, decision.packet_indexes.tolist(), decision.amounts_fen.tolist(), strict=True
        ):
            if index >= 0:
                assert self.told.setdefault((shard, person), (index, amount_fen)) == (index, amount_fen)

    @rule(milliseconds=st.integers(1, 20_000))
    def wait(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    @rule(shard=shards, other=st.integers(1, SHARDS - 1), wanted=st.integers(1, 12))
    def ask(self, shard: int, other: int, wanted: int) -> None:
        owner, from_shard = self.owners[shard], (shard + other) % SHARDS
        if owner.stock.closed is None and owner.stock.transfers.outstanding is None:
            owner.ask(from_shard, wanted)

    @rule(shard=shards)
    def send_request(self, shard: int) -> None:
        outstanding = self.owners[shard].stock.transfers.outstanding
        if outstanding is not None:
            self.requests.append((shard, outstanding))

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), final=st.booleans())
    def request_arrives(self, data: st.DataObject, final: bool) -> None:  # noqa: FBT001 - drawn
        to_shard, request = data.draw(st.sampled_from(self.requests[-8:]))
        giver = self.owners[request.from_shard]
        spare = 0 if final else min(request.wanted, giver.stock.available(self.now_ms))
        with suppress(TransferOutOfOrder):
            self.answers.append((to_shard, request, giver.answer(to_shard, request.no, spare)))

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def answer_arrives(self, data: st.DataObject) -> None:
        to_shard, request, parcel = data.draw(st.sampled_from(self.answers[-8:]))
        owner = self.owners[to_shard]
        if owner.stock.transfers.outstanding == request:
            owner.commit(packets_received(owner.stock.terms, request, parcel))

    @rule(shard=shards, data=st.data())
    def crash(self, shard: int, data: st.DataObject) -> None:
        owner = self.owners[shard]
        owner.crash(data.draw(st.integers(0, len(owner.journal))))

    @rule(shard=shards)
    def close(self, shard: int) -> None:
        owner = self.owners[shard]
        if owner.stock.closed is None and owner.stock.transfers.outstanding is None:
            owner.commit(EVENT(stock_closed=records.stock_closed(owner.stock.terms, owner.stock.totals)))

    @invariant()
    def no_packet_is_lost_or_doubled(self) -> None:
        if not hasattr(self, "owners"):
            return
        here = sum(owner.stock.packet_count for owner in self.owners)
        on_their_way = self._on_their_way()
        assert here + sum(parcel.count for parcel in on_their_way) == WHOLE.count
        worth_fen = sum(owner.stock.budget_fen for owner in self.owners)
        assert worth_fen + sum(parcel.amount_fen for parcel in on_their_way) == WHOLE.budget_fen
        seen = set()
        for owner in self.owners:
            holding = owner.stock.holding
            drawn_shards, drawn_indexes = holding.identities(0, len(holding))
            amounts = holding.amounts_fen(0, len(holding))
            for position, (shard, index, amount_fen) in enumerate(
                zip(drawn_shards.tolist(), drawn_indexes.tolist(), amounts.tolist(), strict=True)
            ):
                assert holding.identity(position) == (shard, index)
                assert amount_fen == DRAWN[shard][index], (
                    "a packet is worth what the seed says, wherever it is"
                )
                assert (shard, index) not in seen
                seen.add((shard, index))

    @invariant()
    def who_was_told_of_a_packet_has_it(self) -> None:
        for (shard, person), (index, amount_fen) in getattr(self, "told", {}).items():
            assert self.owners[shard].stock.packet_of(person) == (index, amount_fen)

    @invariant()
    def nothing_is_available_beyond_what_is_left(self) -> None:
        for owner in getattr(self, "owners", ()):
            stock = owner.stock
            assert 0 <= stock.available(self.now_ms) <= stock.packets_left
            assert stock.totals.won_fen + stock.totals.returned_fen == stock.budget_fen

    def teardown(self) -> None:
        """In the end every request is answered, and all parts together account for the whole stock."""
        owners = getattr(self, "owners", [])
        for owner in owners:
            outstanding = owner.stock.transfers.outstanding
            if outstanding is not None:
                parcel = owners[outstanding.from_shard].answer(owner.shard, outstanding.no, 0)
                owner.commit(packets_received(owner.stock.terms, outstanding, parcel))
            self.close(owner.shard)
        totals = sum((owner.stock.totals for owner in owners), NOTHING)
        if owners:
            assert totals.won_fen + totals.returned_fen == WHOLE.budget_fen

    def _on_their_way(self) -> list[Parcel]:
        """What was sent for a request whose answer has not come."""
        found = []
        for owner in self.owners:
            outstanding = owner.stock.transfers.outstanding
            if outstanding is not None:
                found.append(self.owners[outstanding.from_shard].stock.answered(owner.shard, outstanding.no))
        return [parcel for parcel in found if parcel is not None]


Moving.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestMoving = Moving.TestCase


def two_owners() -> tuple[Owner, Owner]:
    return Owner(0, ReleaseCurve.IMMEDIATE), Owner(1, ReleaseCurve.IMMEDIATE)


def move(taker: Owner, giver: Owner, wanted: int) -> Parcel:
    taker.ask(giver.shard, wanted)
    outstanding = taker.stock.transfers.outstanding
    assert outstanding is not None
    parcel = giver.answer(taker.shard, outstanding.no, wanted)
    taker.commit(packets_received(taker.stock.terms, outstanding, parcel))
    return parcel


def test_packets_come_from_the_end_and_go_to_the_end() -> None:
    giver, taker = two_owners()
    parcel = move(taker, giver, 3)
    assert parcel.lots == (Lot(0, 7, 3),)
    assert parcel.amounts_fen.tolist() == DRAWN[0][7:].tolist()
    assert giver.stock.holding.lots == (Lot(0, 0, 7),)
    assert taker.stock.holding.lots == (Lot(1, 0, 10), Lot(0, 7, 3))
    assert (giver.stock.packets_left, taker.stock.packets_left) == (7, 13)


def test_packets_that_come_back_are_the_same_ones() -> None:
    giver, taker = two_owners()
    move(taker, giver, 3)
    assert move(giver, taker, 5).lots == (Lot(1, 8, 2), Lot(0, 7, 3))
    assert giver.stock.holding.lots == (Lot(0, 0, 7), Lot(1, 8, 2), Lot(0, 7, 3))


def test_a_part_that_got_packets_gives_them_to_its_people_and_keeps_finding_their_winners() -> None:
    giver, taker = two_owners()
    move(taker, giver, 10)
    people = np.array(PEOPLE[1], np.int64)
    decision = taker.stock.decide(people, OPENS_MS)
    taker.commit(packets_won(taker.stock, decision))
    assert len(decision.winners) == 20
    assert decision.amounts_fen[:20].tolist() == [*DRAWN[1].tolist(), *DRAWN[0].tolist()]
    again = taker.stock.decide(people[::-1], OPENS_MS)
    assert again.packet_indexes.tolist()[::-1] == [*range(20), *[-1] * 40]
    assert giver.stock.phase(OPENS_MS) is StockPhase.SOLD_OUT


def test_a_request_that_is_late_gets_nothing_more() -> None:
    giver, taker = two_owners()
    move(taker, giver, 2)
    move(taker, giver, 2)
    with pytest.raises(TransferOutOfOrder):
        giver.stock.answered(1, 1)
    assert giver.stock.answered(1, 2) is not None
    assert giver.stock.answered(1, 3) is None


def test_a_part_is_not_closed_while_packets_may_be_on_their_way() -> None:
    giver, taker = two_owners()
    taker.ask(giver.shard, 1)
    closed = EVENT(stock_closed=records.stock_closed(taker.stock.terms, taker.stock.totals))
    with pytest.raises(AssertionError, match="on its way"):
        taker.commit(closed)


def test_a_part_without_packets_is_open_as_long_as_some_may_come() -> None:
    owner, _ = two_owners()
    people = np.array(PEOPLE[0], np.int64)
    owner.stock.leftovers_may_come = True
    decision = owner.stock.decide(people, OPENS_MS)
    owner.commit(packets_won(owner.stock, decision))
    assert set(decision.outcomes[10:].tolist()) == {ClaimOutcome.NOT_RELEASED}
    assert owner.stock.phase(OPENS_MS) is StockPhase.OPEN
    owner.stock.leftovers_may_come = False
    assert owner.stock.phase(OPENS_MS) is StockPhase.SOLD_OUT
