"""Leases between a game's home and its shards, while messages are lost, repeated and late, and all crash.

Each journal is a list of serialised records; a crash takes away what is not durable. Whatever happens,
no card is lost or made: each is at home, under way, in a deck, dealt, or on its way back.
"""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.cards.domain.errors import DeadlinePassed
from services.cards.domain.events import CardsDealt, Change, GameCreated
from services.cards.domain.game import ShardGame
from services.cards.domain.opening import DealOutcome
from services.cards.domain.sets.rules import decide_seal
from services.cards.domain.supply.curve import AT_ONCE, LINEAR, ReleaseCurve
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.supply.errors import LeaseOutOfOrder
from services.cards.domain.supply.grants import NO_CARDS, SupplyReturned, add, subtract
from services.cards.domain.supply.home import HomeSupply
from services.cards.domain.supply.leasing import (
    LeaseAnswer,
    LeaseRequest,
    answer,
    close_books,
    decide_lease,
)
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.supply.stocking import accepted
from services.cards.domain.vocabulary import SOURCES, Source
from tests.unit.cards.disks import new_disk
from tests.unit.cards.games import DEADLINE_MS, OPENS_MS, SEED, SPRING, a_part, an_order

SHARDS = 3
LIMITS, QUOTAS = (9, 8, 7, 6, 3), (8, 30, 0, 4, 5)
RETRY_MS = 50

shards = st.integers(0, SHARDS - 1)
dealing = st.sampled_from([Source.FRIEND, Source.TAP, Source.SPONSOR, Source.INVITATION])
chances = st.integers(0, 1_000)


class Leases(RuleBasedStateMachine):
    """Shard 0 is home, and a shard like the others besides."""

    @initialize(curve=st.sampled_from([AT_ONCE, LINEAR]))
    def prepare(self, curve: ReleaseCurve) -> None:
        self.now_ms = OPENS_MS
        self.keys = 0
        plan = SupplyPlan(LIMITS, QUOTAS, curve=curve)
        self.order = an_order(plan)
        self.disks = [new_disk(number) for number in range(SHARDS)]
        self.disks[0].commit(Change(GameCreated(self.order, SEED, SHARDS)))
        for number, disk in enumerate(self.disks):
            disk.commit(Change(a_part(plan, number)))
            disk.flush()
        self.requests: list[LeaseRequest] = []
        self.answers: list[tuple[int, LeaseAnswer]] = []

    @property
    def home(self) -> HomeSupply:
        return self.disks[0].state.supplies[SPRING]

    def game(self, shard: int) -> ShardGame:
        return self.disks[shard].state.games[SPRING]

    @rule(shard=shards, cards=st.integers(0, 12), deals=st.integers(0, 9))
    def ask(self, shard: int, cards: int, deals: int) -> None:
        self.disks[shard].flush()  # What home is told must not be taken back by a crash.
        issued = self.game(shard).issued
        wanted = tuple(0 if issued.is_ended(source) else deals for source in SOURCES)
        self.requests.append(LeaseRequest(SPRING, shard, issued.lease_no + 1, cards, wanted, issued.supply))

    @rule(which=chances, is_repeated=st.booleans(), is_durable=st.booleans(), dies=st.booleans())
    @precondition(lambda self: self.requests)
    def reach_home(self, which: int, is_repeated: bool, is_durable: bool, dies: bool) -> None:  # noqa: FBT001 - Hypothesis names them
        index = which % len(self.requests)
        request = self.requests[index] if is_repeated else self.requests.pop(index)
        try:
            event = decide_lease(self.home, self.order, request, self.now_ms)
        except (LeaseOutOfOrder, DeadlinePassed):
            return
        if event is not None:
            self.disks[0].commit(Change(event))
        told = answer(self.home, self.order, request, self.now_ms, RETRY_MS)
        if is_durable:
            self.disks[0].flush()
        if dies:
            self.disks[0].crash()
        elif is_durable:
            self.answers.append((request.shard, told))

    @rule(which=chances, is_repeated=st.booleans())
    @precondition(lambda self: self.answers)
    def reach_shard(self, which: int, is_repeated: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        index = which % len(self.answers)
        shard, told = self.answers[index] if is_repeated else self.answers.pop(index)
        if not self.game(shard).is_sealed:
            for event in accepted(self.game(shard).issued, told):
                self.disks[shard].commit(Change(event))

    @rule(shard=shards, cards=st.integers(1, 12), deals=st.integers(1, 9))
    def lease_without_trouble(self, shard: int, cards: int, deals: int) -> None:
        self.ask(shard, cards, deals)
        self.reach_home(len(self.requests) - 1, is_repeated=False, is_durable=True, dies=False)
        if self.answers and self.answers[-1][0] == shard:
            self.reach_shard(len(self.answers) - 1, is_repeated=False)

    @rule(what=st.data())
    def lose_a_message(self, what: st.DataObject) -> None:
        messages = self.requests if what.draw(st.booleans()) else self.answers
        if messages:
            messages.pop(what.draw(st.integers(0, len(messages) - 1)))

    @rule(shard=shards, source=dealing, count=st.integers(1, 6))
    def deal(self, shard: int, source: Source, count: int) -> None:
        self.keys += 1
        game, people = self.game(shard), list(range(1, count + 1))
        decision = decide_deal(game, source, people, [f"key-{self.keys}"], self.now_ms, are_all_own)
        if decision.deal is not None:
            self.disks[shard].commit(Change(CardsDealt((decision.deal,))))
        self.check_last_words(source, decision.outcomes)

    def check_last_words(self, source: Source, outcomes: Sequence[int]) -> None:
        """Nobody is told that it is over while a card may still come."""
        dealt = [sum(self.game(shard).issued.from_sources) for shard in range(SHARDS)]
        from_source = [self.game(shard).issued.from_sources[source - 1] for shard in range(SHARDS)]
        if DealOutcome.SUPPLY_EXHAUSTED in outcomes:
            assert sum(dealt) == sum(LIMITS)
        if DealOutcome.QUOTA_EXHAUSTED in outcomes:
            assert sum(from_source) == QUOTAS[source - 1]

    @rule(shard=shards, is_cards=st.booleans(), deals=st.integers(0, 9))
    def give_back(self, shard: int, is_cards: bool, deals: int) -> None:  # noqa: FBT001 - Hypothesis names it
        issued = self.game(shard).issued
        cards = issued.decks.left if is_cards else NO_CARDS
        rights = tuple(min(deals, issued.deals_left(source)) for source in SOURCES)
        if not self.game(shard).is_sealed and (any(cards) or any(rights)):
            self.disks[shard].commit(Change(SupplyReturned(SPRING, cards, rights)))

    @rule(seconds=st.sampled_from([1, 5, 20]))
    def wait(self, seconds: int) -> None:
        self.now_ms += seconds * 1000

    @rule(shard=shards)
    @precondition(lambda self: self.now_ms >= DEADLINE_MS)
    def seal(self, shard: int) -> None:
        if not self.game(shard).is_sealed:
            self.disks[shard].commit(Change(decide_seal(self.game(shard), self.now_ms)))

    @rule()
    @precondition(lambda self: self.now_ms >= DEADLINE_MS and self.home.closed is None)
    def close_the_books(self) -> None:
        seals = []
        for shard in range(SHARDS):
            self.seal(shard)
            self.disks[shard].flush()
            sealed = self.game(shard).sets.sealed
            assert sealed is not None
            seals.append(sealed)
        self.disks[0].commit(Change(close_books(SPRING, self.home, [seal.supply for seal in seals])))
        closed = self.home.closed
        assert closed is not None
        issued = [tuple(self.game(shard).issued.cards) for shard in range(SHARDS)]
        assert closed.issued == tuple(map(sum, zip(*issued, strict=True)))

    @rule(shard=shards)
    def reach_the_disk(self, shard: int) -> None:
        self.disks[shard].flush()

    @rule(shard=shards)
    def keep_a_snapshot(self, shard: int) -> None:
        self.disks[shard].keep_snapshot()

    @rule(shard=shards)
    def crash(self, shard: int) -> None:
        self.disks[shard].crash()

    @invariant()
    def no_card_is_lost_or_made(self) -> None:
        places = self.home.left
        for shard in range(SHARDS):
            issued = self.game(shard).issued
            under_way = subtract(self.home.granted[shard], issued.leased)
            on_the_way_back = subtract(issued.returned, self.home.supplies[shard].returned)
            assert min(under_way) >= 0, "nothing comes that was not granted"
            assert min(on_the_way_back) >= 0, "home is told of nothing that a crash took back"
            for part in (under_way, issued.decks.left, tuple(issued.cards), on_the_way_back):
                places = add(places, part)
        assert places == LIMITS

    @invariant()
    def no_right_to_deal_is_lost_or_made(self) -> None:
        places = self.home.left_deals
        for shard in range(SHARDS):
            issued = self.game(shard).issued
            under_way = subtract(self.home.granted_deals[shard], issued.leased_deals)
            back = subtract(issued.returned_deals, self.home.supplies[shard].returned_deals)
            left = tuple(issued.deals_left(source) for source in SOURCES)
            assert min(*under_way, *back, *left) >= 0
            for part in (under_way, left, tuple(issued.from_sources), back):
                places = add(places, part)
        assert places == QUOTAS

    @invariant()
    def decks_are_dealt_as_they_were_composed(self) -> None:
        for shard in range(SHARDS):
            issued = self.game(shard).issued
            issued.check()
            records = issued.decks.records()
            assert sum(record.dealt for record in records) == issued.draw_count
            if issued.draw_count:
                number, place = issued.decks.place_of(issued.draw_count - 1)
                dealt_from = [record for record in records if record.number == number]
                assert dealt_from[0].dealt == place + 1


TestLeases = Leases.TestCase
TestLeases.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
