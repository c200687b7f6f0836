"""A whole game on two shards, with crashes between any two steps, against a model that counts on its fingers.

Cards are leased, dealt, offered, asked for, taken back, forgotten until they expire, and spent; friends part;
the game is closed. At every step each issued card is in exactly one place, and no limit is passed.
"""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import initialize, invariant, precondition, rule

from services.cards.domain.errors import DeadlinePassed
from services.cards.domain.events import (
    CardsDealt,
    Change,
    FeedPosition,
    FeedSkipped,
    GameCreated,
    SetsCompleted,
    ShardSealed,
)
from services.cards.domain.exchanges.identity import exchange_key
from services.cards.domain.exchanges.machine import ExchangeAction
from services.cards.domain.feeds import Friendship, deal_to_friends
from services.cards.domain.holdings import hand
from services.cards.domain.opening import DealOutcome
from services.cards.domain.placement import owns, owns_column, shard_of_person
from services.cards.domain.sets.errors import GameNotSealed
from services.cards.domain.sets.pool import decide_pool
from services.cards.domain.sets.rules import CompletionOutcome, check_decision, decide_completions
from services.cards.domain.supply.dealing import decide_deal
from services.cards.domain.supply.draw import deck_cards
from services.cards.domain.supply.grants import SupplyReturned
from services.cards.domain.supply.leasing import LeaseRequest, answer, decide_lease
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.supply.stocking import accepted
from services.cards.domain.vocabulary import SOURCES, Card, PersonId, ShareMode, Source
from tests.unit.cards.exchange_rules import GIFT, ExchangeRules
from tests.unit.cards.games import DEADLINE_MS, SEED, SPRING, a_part, an_order
from tests.unit.cards.shard_rules import PERSONS, SHARDS, persons, shards

HOME = 0
SUPPLY = SupplyPlan(limits=(12, 12, 12, 12, 8), quotas=(9, 45, 0, 0))

keys = st.sampled_from([f"round-{number}" for number in range(6)])


class CardGame(ExchangeRules):
    """Every rule is one step that a player, a feed, a clock, a friendship or a power cut takes."""

    @initialize(share_mode=st.sampled_from(ShareMode), deals_per_day_max=st.sampled_from([0, 0, 5]))
    def prepare(self, share_mode: ShareMode, deals_per_day_max: int) -> None:
        parts = [a_part(SUPPLY, number, share_mode) for number in range(SHARDS)]
        self.start([replace(part, deals_per_day_max=deals_per_day_max) for part in parts])
        self.requests = 0
        self.friendships: list[Friendship] = []
        self.told_completers: set[PersonId] = set()
        self.created = GameCreated(an_order(SUPPLY, share_mode=share_mode), SEED, SHARDS)
        self.disks[HOME].commit(Change(self.created))
        # Hands to begin with, so that the steps soon have something to do.
        for key in ("welcome-1", "welcome-2", "welcome-3", "welcome-4", "welcome-5"):
            for number in range(SHARDS):
                self.lease(number, 20)
            self.deal_to_all(key)

    @rule(source=st.sampled_from([Source.TAP, Source.SHARE]), shard=shards, who=st.lists(persons), key=keys)
    def deal(self, source: Source, shard: int, who: list[PersonId], key: str) -> None:
        disk, is_own = self.disks[shard], owns(shard, SHARDS)
        are_own = owns_column(shard, SHARDS)
        decision = decide_deal(disk.game, source, who, [key], self.now_ms, are_own)
        if decision.deal is not None:
            disk.commit(Change(CardsDealt((decision.deal,))))
        told = disk.game.holdings.candidates(source, np.array(who, np.int64), [key], self.now_ms)
        assert told.cards.tolist() == list(decision.cards)
        for person, outcome in zip(who, decision.outcomes, strict=True):
            assert (outcome == DealOutcome.WRONG_SHARD) <= (not is_own(person))
            assert (outcome == DealOutcome.DEALT) <= (
                self.now_ms < DEADLINE_MS and source is not Source.SHARE
            )

    @rule(shard=shards, cards=st.integers(0, 20))
    def lease(self, shard: int, cards: int) -> None:
        """What goes wrong on the way is for `test_lease_machine`."""
        disk, home = self.disks[shard], self.disks[HOME]
        disk.flush()
        issued, supply = disk.game.issued, home.state.supplies[SPRING]
        request = LeaseRequest(SPRING, shard, issued.lease_no + 1, cards, (5, 20, 0, 0, 0), issued.supply)
        if disk.game.is_sealed:
            return
        try:
            event = decide_lease(supply, self.created.order, request, self.now_ms)
        except DeadlinePassed:
            return
        if event is not None:
            home.commit(Change(event))
        told = answer(supply, self.created.order, request, self.now_ms, retry_ms=100)
        home.flush()
        for change in accepted(disk.game.issued, told):
            disk.commit(Change(change))

    @rule(shard=shards)
    def give_decks_back(self, shard: int) -> None:
        disk = self.disks[shard]
        if not disk.game.is_sealed and disk.game.issued.decks.left_count:
            left = disk.game.issued.decks.left
            disk.commit(Change(SupplyReturned(SPRING, left, (0,) * len(SOURCES))))

    @rule(key=keys)
    def deal_to_all(self, key: str) -> None:
        for shard in range(SHARDS):
            self.deal(Source.TAP, shard, PERSONS, key)

    @rule(one=persons, other=persons)
    def befriend(self, one: PersonId, other: PersonId) -> None:
        pair = {(made.low_person_id, made.high_person_id) for made in self.friendships}
        low, high = min(one, other), max(one, other)
        if low != high and (low, high) not in pair:
            self.friendships.append(Friendship(low, high, self.now_ms))
            self.parted.discard((low, high))

    @rule(shard=shards, batch=st.integers(1, 4))
    def read_social(self, shard: int, batch: int) -> None:
        disk = self.disks[shard]
        cursor = disk.state.positions.get("social/0", 0)
        new = self.friendships[cursor : cursor + batch]
        if new:
            deals = deal_to_friends(disk.state, new, self.now_ms, owns(shard, SHARDS))
            # The position stays where a card may still come.
            position = None if deals.waiting else FeedPosition("social/0", cursor + len(new))
            if deals.dealt is not None or position is not None:
                disk.commit(Change(deals.dealt or FeedSkipped(), position))

    def hand_over(self, giver: PersonId, receiver: PersonId, card: Card) -> None:
        """The receiver accepts at once; a crash may come before they are told."""
        self.requests += 1
        request_id = self.requests.to_bytes(16, "big")
        self.begin(GIFT, giver, receiver, card, request_id)
        key = exchange_key(GIFT, giver, receiver, request_id)
        self.end(key, (giver, receiver), ExchangeAction.ACCEPT_GIFT, is_told=False)

    @rule(receiver=persons, sets=st.integers(1, 3), is_patient=st.booleans())
    def help_out(self, receiver: PersonId, sets: int, is_patient: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        """Everybody gives what a receiver lacks; a patient receiver waits for it and completes.

        Somebody who has completed may get all cards of another set, and has to keep them.
        """
        for _ in range(sets):
            for card in hand.missing(self.disk_of(receiver).game.holdings.hand_of(receiver)):
                for giver in PERSONS:
                    held = self.disk_of(giver).game.holdings.hand_of(giver)
                    are_friends = giver != receiver and self.are_friends((giver, receiver))
                    if are_friends and hand.count(held, card):
                        self.hand_over(giver, receiver, card)
                        break
            if is_patient:
                self.read_feed(shard_of_person(receiver, SHARDS), 1_000, True)
                self.complete(receiver, True)

    @rule(person=persons, is_told=st.booleans())
    def complete(self, person: PersonId, is_told: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        self.complete_all(shard_of_person(person, SHARDS), [person], is_told)

    @rule(shard=shards, who=st.lists(persons), is_told=st.booleans())
    def complete_all(self, shard: int, who: list[PersonId], is_told: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        disk, is_own = self.disks[shard], owns(shard, SHARDS)
        completed_before = disk.game.sets.count
        decision = decide_completions(disk.game, who, self.now_ms, owns_column(shard, SHARDS))
        for person, outcome in zip(who, decision.outcomes, strict=True):
            assert (outcome is CompletionOutcome.WRONG_SHARD) == (not is_own(person))
            if outcome is CompletionOutcome.CLOSED:
                assert self.now_ms >= DEADLINE_MS or disk.game.sets.sealed is not None
        new = decision.outcomes.count(CompletionOutcome.COMPLETED)
        if decision.completed is not None:
            assert max(decision.completed.completed_at_ms) < DEADLINE_MS
            disk.commit(Change(decision.completed))
        assert disk.game.sets.count == completed_before + new
        if is_told:
            disk.flush()
            self.told_completers |= {person for person in who if disk.game.sets.has_completed(person)}

    @rule(shard=shards)
    def complete_whoever_can(self, shard: int) -> None:
        self.complete_all(shard, PERSONS, False)

    @rule(shard=shards)
    @precondition(lambda self: self.now_ms >= DEADLINE_MS)
    def finish(self, shard: int) -> None:
        durable = [
            [
                change.event
                for change in disk.changes(durable_only=True)
                if isinstance(change.event, ShardSealed)
            ]
            for disk in self.disks
        ]
        if not all(durable):
            return
        decision = decide_pool(self.created, [seals[0] for seals in durable])
        assert decision.sets_by_shard == tuple(
            len(self.completers(number, durable_only=True)) for number in range(SHARDS)
        )
        try:
            is_new = check_decision(self.disks[shard].game, decision)
        except GameNotSealed:
            pytest.fail("a durable seal has the count of durable sets")
        if is_new:
            self.disks[shard].commit(Change(decision))

    def completers(self, shard: int, *, durable_only: bool = False) -> list[PersonId]:
        changes = self.disks[shard].changes(durable_only=durable_only)
        return [
            PersonId(person)
            for change in changes
            if isinstance(change.event, SetsCompleted)
            for person in change.event.person_ids
        ]

    @invariant()
    def nobody_completes_twice(self) -> None:
        for number in range(SHARDS):
            completers = self.completers(number)
            assert len(completers) == len(set(completers))
            assert set(completers) == set(self.disks[number].game.sets.columns(SPRING).person_ids)
        assert all(self.disk_of(person).game.sets.has_completed(person) for person in self.told_completers)

    @invariant()
    def every_card_can_be_recomputed_from_the_seed(self) -> None:
        for disk in self.disks:
            dealt = [
                card
                for change in disk.changes()
                if isinstance(change.event, CardsDealt)
                for deal in change.event.deals
                for card in deal.cards
            ]
            prepared = disk.game.prepared
            computed = []
            for deck in disk.game.issued.decks.records():
                computed += deck_cards(prepared.draw_key, deck.number, deck.counts)[: deck.dealt].tolist()
            assert dealt == computed

    def teardown(self) -> None:
        super().teardown()
        if self.went_well():
            for shard in range(SHARDS):
                self.finish(shard)
                assert self.disks[shard].game.sets.decision is not None
            self.nobody_completes_twice()


TestCardGame = CardGame.TestCase
TestCardGame.settings = settings(max_examples=45, stateful_step_count=50, deadline=None)
