"""A game on two shards, with crashes between any two steps, against a model that counts on its fingers.

The shards' journals are lists of serialised records. A crash takes from a shard everything that was not made
durable and rebuilds it, from a snapshot where there is one. Other shards only ever see durable records.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
from services.cards.domain.exchanges.ending import decide_ending
from services.cards.domain.exchanges.errors import CardNotHeld
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesFollowed, ExchangesOpened
from services.cards.domain.exchanges.following import follow_exchanges
from services.cards.domain.exchanges.identity import exchange_key
from services.cards.domain.exchanges.machine import ExchangeAction, ExchangeKind
from services.cards.domain.exchanges.opening import Wish, decide_opening
from services.cards.domain.feeds import Friendship, deal_to_friends
from services.cards.domain.holdings import hand
from services.cards.domain.opening import DealOutcome
from services.cards.domain.placement import owns, owns_column, shard_of_person
from services.cards.domain.sets.errors import GameNotSealed
from services.cards.domain.sets.pool import decide_pool
from services.cards.domain.sets.rules import (
    CompletionOutcome,
    check_decision,
    decide_completions,
    decide_seal,
)
from services.cards.domain.supply.dealing import decide_deal
from services.cards.domain.supply.draw import deck_cards
from services.cards.domain.supply.grants import SupplyReturned
from services.cards.domain.supply.leasing import LeaseRequest, answer, decide_lease
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.supply.stocking import accepted
from services.cards.domain.vocabulary import CARDS, SOURCES, Card, PersonId, ShareMode, Source
from tests.unit.cards.disks import Disk, new_disk
from tests.unit.cards.games import DEADLINE_MS, OPENS_MS, SEED, SPRING, a_part, an_order

SHARDS = 2
HOME = 0
PERSONS = [PersonId(number) for number in range(1, 7)]
SUPPLY = SupplyPlan(limits=(9, 9, 9, 9, 5), quotas=(9, 30, 0, 0))

persons = st.sampled_from(PERSONS)
shards = st.integers(0, SHARDS - 1)
keys = st.sampled_from([f"round-{number}" for number in range(6)])


@dataclass
class FingerCount:
    """The plain model: every card by hand, from the journals of all shards."""

    hands: Counter[tuple[PersonId, Card]] = field(default_factory=Counter)
    issued: Counter[Card] = field(default_factory=Counter)
    given: dict[bytes, tuple[PersonId, Card]] = field(default_factory=dict)
    """Cards that left a hand and are in none: who gets them, by request."""
    arrived: list[tuple[bytes, PersonId]] = field(default_factory=list)
    spent: int = 0

    def see(self, shard: int, change: Change) -> None:
        match change.event:
            case CardsDealt(deals):
                for dealt in deals:
                    self.issued.update(map(Card, dealt.cards))
                    self.hands.update(
                        zip(map(PersonId, dealt.person_ids), map(Card, dealt.cards), strict=True)
                    )
            case ExchangesOpened() as gift:
                card = Card(gift.cards[0])
                self.hands[PersonId(gift.giver_ids[0]), card] -= 1
                self.given[gift.request_ids] = PersonId(gift.receiver_ids[0]), card
            case ExchangesEnded() as gift:
                if gift.receiver_shards[0] == shard:
                    self.arrived.append((gift.request_ids, PersonId(gift.receiver_ids[0])))
            case ExchangesFollowed(parts):
                ends = (followed.part for followed in parts if isinstance(followed.part, ExchangesEnded))
                for gift in ends:
                    self.arrived += zip(
                        [
                            gift.request_ids[start : start + 16]
                            for start in range(0, len(gift.request_ids), 16)
                        ],
                        map(PersonId, gift.receiver_ids),
                        strict=True,
                    )
            case SetsCompleted(_, person_ids):
                self.spent += len(person_ids)
                self.hands.subtract((PersonId(person), card) for person in person_ids for card in CARDS)

    def deliver(self) -> None:
        for request_id, person in self.arrived:
            # A gift that arrives twice, or was never given, is not there to be taken.
            receiver, card = self.given.pop(request_id)
            assert receiver == person
            self.hands[person, card] += 1

    def check(self) -> None:
        assert min(self.hands.values(), default=0) >= 0
        for card in CARDS:
            in_hands = sum(count for (_, held), count in self.hands.items() if held is card)
            on_the_way = sum(given is card for _, given in self.given.values())
            assert self.issued[card] == in_hands + on_the_way + self.spent
            assert self.issued[card] <= SUPPLY.limits[card - 1]


class CardGame(RuleBasedStateMachine):
    """Every rule is one step that a player, a feed, a clock or a power cut takes."""

    @initialize(share_mode=st.sampled_from(ShareMode))
    def prepare(self, share_mode: ShareMode) -> None:
        self.now_ms = OPENS_MS
        self.requests = 0
        self.created = GameCreated(an_order(SUPPLY, share_mode=share_mode), SEED, SHARDS)
        self.friendships: list[Friendship] = []
        self.disks = [new_disk(number) for number in range(SHARDS)]
        self.disks[HOME].commit(Change(self.created))
        for number, disk in enumerate(self.disks):
            disk.commit(Change(a_part(SUPPLY, number, share_mode)))
            disk.flush()
            self.lease(number, 20)
        # Hands to begin with, so that the steps soon have something to do.
        for key in ("welcome-1", "welcome-2", "welcome-3"):
            self.deal_to_all(key)

    def disk_of(self, person: PersonId) -> Disk:
        return self.disks[shard_of_person(person, SHARDS)]

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
        request = LeaseRequest(SPRING, shard, issued.lease_no + 1, cards, (5, 20, 0, 0), issued.supply)
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

    @rule(giver=persons, receiver=persons, card=st.sampled_from(CARDS))
    def give(self, giver: PersonId, receiver: PersonId, card: Card) -> None:
        """The receiver accepts at once: what may come in between has a machine of its own."""
        if giver == receiver:
            return
        disk = self.disk_of(giver)
        self.requests += 1
        request_id = self.requests.to_bytes(16, "big")
        friends = {(giver, receiver): True}
        wish = Wish(giver, receiver, card, request_id, shard_of_person(receiver, SHARDS))
        opening = decide_opening(disk.game, ExchangeKind.GIFT, [wish], self.now_ms, 86_400_000, friends)
        if opening.event is None:
            assert isinstance(opening.results[0], CardNotHeld | DeadlinePassed)
            return
        disk.commit(Change(opening.event))
        key = exchange_key(ExchangeKind.GIFT, giver, receiver, request_id)
        accepts = ExchangeAction.ACCEPT_GIFT
        ending = decide_ending(disk.game, accepts, [(receiver, key)], self.now_ms, friends)
        assert ending.event is not None
        disk.commit(Change(ending.event))

    @rule(receiver=persons, is_patient=st.booleans())
    def help_out(self, receiver: PersonId, is_patient: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        """Everybody gives what the receiver lacks; a patient receiver waits for it and completes."""
        for card in hand.missing(self.disk_of(receiver).game.holdings.hand_of(receiver)):
            for giver in PERSONS:
                if giver != receiver and hand.count(self.disk_of(giver).game.holdings.hand_of(giver), card):
                    self.give(giver, receiver, card)
                    break
        if is_patient:
            self.read_gifts(shard_of_person(receiver, SHARDS), 1_000, is_durable=True)
            self.complete(receiver)

    @rule(shard=shards, batch=st.integers(1, 8), is_durable=st.booleans())
    def read_gifts(self, shard: int, batch: int, is_durable: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        other = 1 - shard
        if is_durable:
            self.disks[other].flush()
        disk, source = self.disks[shard], f"cards/{other}"
        cursor = disk.state.positions.get(source, 0)
        new = self.disks[other].changes(durable_only=True)[cursor : cursor + batch]
        sent = [
            (seq, change.event)
            for seq, change in enumerate(new, start=cursor + 1)
            if isinstance(change.event, ExchangesOpened | ExchangesEnded)
        ]
        event = follow_exchanges(disk.state, sent)
        if event is not None:
            disk.commit(Change(event, FeedPosition(source, cursor + len(new))))

    @rule(person=persons)
    def complete(self, person: PersonId) -> None:
        self.complete_all(shard_of_person(person, SHARDS), [person])

    @rule(shard=shards, who=st.lists(persons))
    def complete_all(self, shard: int, who: list[PersonId]) -> None:
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

    @rule(shard=shards)
    def complete_whoever_can(self, shard: int) -> None:
        self.complete_all(shard, PERSONS)

    @rule(seconds=st.sampled_from([1, 5, 25]))
    def wait(self, seconds: int) -> None:
        self.now_ms += seconds * 1000

    @rule(shard=shards)
    @precondition(lambda self: sum(len(disk.records) for disk in self.disks) > 20)
    def close(self, shard: int) -> None:
        self.now_ms = max(self.now_ms, DEADLINE_MS)
        for number in range(SHARDS):
            self.seal(number)
            self.disks[number].flush()
        self.finish(shard)

    @rule(shard=shards)
    @precondition(lambda self: self.now_ms >= DEADLINE_MS)
    def seal(self, shard: int) -> None:
        disk = self.disks[shard]
        if disk.game.sets.sealed is None:
            disk.commit(Change(decide_seal(disk.game, self.now_ms)))

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

    @rule(shard=shards)
    def reach_the_disk(self, shard: int) -> None:
        self.disks[shard].flush()

    @rule(shard=shards)
    def keep_a_snapshot(self, shard: int) -> None:
        disk = self.disks[shard]
        disk.keep_snapshot()

    @rule(shard=shards)
    def crash(self, shard: int) -> None:
        self.disks[shard].crash()

    def completers(self, shard: int, *, durable_only: bool = False) -> list[PersonId]:
        changes = self.disks[shard].changes(durable_only=durable_only)
        return [
            PersonId(person)
            for change in changes
            if isinstance(change.event, SetsCompleted)
            for person in change.event.person_ids
        ]

    @invariant()
    def every_card_is_in_exactly_one_place(self) -> None:
        count = FingerCount()
        for number, disk in enumerate(self.disks):
            for change in disk.changes():
                count.see(number, change)
        count.deliver()
        count.check()
        for person in PERSONS:
            held = tuple(count.hands[person, card] for card in CARDS)
            assert self.disk_of(person).game.holdings.hand_of(person) == held
        for disk in self.disks:
            disk.game.check()

    @invariant()
    def nobody_completes_twice(self) -> None:
        for number in range(SHARDS):
            completers = self.completers(number)
            assert len(completers) == len(set(completers))
            assert set(completers) == set(self.disks[number].game.sets.columns(SPRING).person_ids)

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


TestCardGame = CardGame.TestCase
TestCardGame.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
