"""Accounts that turn out to be one person at random moments, with crashes between any two steps."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.cards.domain.events import Change
from services.cards.domain.exchanges.ending import decide_ending
from services.cards.domain.exchanges.identity import exchange_key
from services.cards.domain.exchanges.machine import WAITING, ExchangeAction, ExchangeKind
from services.cards.domain.exchanges.opening import Wish, decide_opening
from services.cards.domain.sets.rules import CompletionOutcome
from services.cards.domain.vocabulary import CARDS, Card, PersonId, ShareMode
from tests.unit.cards.merging_world import SHARDS, MergingWorld, person_of, shard_of

VERIFIED = [person_of(0, 0), person_of(1, 0)]
GUESTS = [person_of(0, 1), person_of(1, 1), person_of(2, 0), person_of(2, 1)]
PEOPLE = [*VERIFIED, *GUESTS]

people = st.sampled_from(PEOPLE)
shards = st.integers(0, SHARDS - 1)
batches = st.integers(1, 6)


class Merging(RuleBasedStateMachine):
    """Every rule is one step that a player, a feed, a clock or a power cut takes."""

    @initialize(share_mode=st.sampled_from(ShareMode))
    def prepare(self, share_mode: ShareMode) -> None:
        self.world = MergingWorld(share_mode)
        self.offers: list[Wish] = []
        self.sealed_counts: dict[int, int] = {}

    @rule(person=people)
    def give_set(self, person: PersonId) -> None:
        self.world.give_set(person)

    @rule(person=people)
    def complete(self, person: PersonId) -> None:
        disk = self.world.disk_of(person)
        was_merged = person in disk.state.merged
        had_one = disk.game.sets.has_completed(person)
        outcome = self.world.complete(person)
        if had_one:
            assert outcome is CompletionOutcome.ALREADY_COMPLETED
        elif was_merged:
            assert outcome is CompletionOutcome.PERSON_MERGED

    @rule(person=people)
    def give_and_complete(self, person: PersonId) -> None:
        self.give_set(person)
        self.complete(person)

    @rule(guest=st.sampled_from(GUESTS), into=st.sampled_from(VERIFIED))
    def merge(self, guest: PersonId, into: PersonId) -> None:
        if guest not in {told.person_id for told in self.world.told}:
            self.world.merge(guest, into)

    @rule(giver=people, receiver=people, card=st.sampled_from(CARDS))
    def offer(self, giver: PersonId, receiver: PersonId, card: Card) -> None:
        if giver == receiver:
            return
        disk = self.world.disk_of(giver)
        wish = Wish(giver, receiver, card, len(self.offers).to_bytes(16, "big"), shard_of(receiver))
        friends = {wish.pair: True}
        opened = decide_opening(
            disk.game, ExchangeKind.GIFT, [wish], self.world.now_ms, 10_000, friends
        ).event
        if opened is not None:
            disk.commit(Change(opened))
            self.offers.append(wish)

    @rule(which=st.integers(0, 30), action=st.sampled_from(list(ExchangeAction)[:3]))
    @precondition(lambda self: self.offers)
    def end_offer(self, which: int, action: ExchangeAction) -> None:
        wish = self.offers[which % len(self.offers)]
        disk = self.world.disk_of(wish.giver_id)
        actor = wish.giver_id if action is ExchangeAction.TAKE_BACK_GIFT else wish.receiver_id
        named = (actor, exchange_key(ExchangeKind.GIFT, wish.giver_id, wish.receiver_id, wish.request_id))
        ended = decide_ending(disk.game, action, [named], self.world.now_ms, {wish.pair: True}).event
        if ended is not None:
            disk.commit(Change(ended))

    @rule(shard=shards, batch=batches, passes_on=st.booleans())
    def read_identity(self, shard: int, batch: int, passes_on: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        self.world.read_identity(shard, batch, passes_on=passes_on)

    @rule(shard=shards)
    def keep(self, shard: int) -> None:
        self.world.keep(shard)

    @rule(shard=shards, other=shards, batch=batches, is_durable=st.booleans())
    def read_peer(self, shard: int, other: int, batch: int, is_durable: bool) -> None:  # noqa: FBT001 - as above
        if is_durable:
            self.world.disks[other].flush()
        if shard != other:
            self.world.read_peer(shard, other, batch)

    @rule(shard=shards)
    def reach_the_disk(self, shard: int) -> None:
        self.world.disks[shard].flush()

    @rule(shard=shards)
    def keep_a_snapshot(self, shard: int) -> None:
        self.world.disks[shard].keep_snapshot()

    @rule(shard=shards)
    def crash(self, shard: int) -> None:
        self.world.disks[shard].crash()

    @rule(shard=shards)
    def start_anew(self, shard: int) -> None:
        """With everything that was decided, and nothing that was only remembered: feeds are read again."""
        self.world.disks[shard].flush()
        self.world.disks[shard].crash()

    @rule(shard=shards)
    @precondition(lambda self: len(self.world.told) > 1)
    def seal(self, shard: int) -> None:
        self.world.seal(shard)
        self.world.disks[shard].flush()
        self.sealed_counts[shard] = self.world.disks[shard].game.sets.count

    @rule()
    def calm_down(self) -> None:
        """Once everything has arrived, a person has one hand and one set, if their shards are still open."""
        world = self.world
        world.calm_down()
        # All owners start anew and read all feeds again, which changes nothing.
        for shard in range(SHARDS):
            self.start_anew(shard)
        world.calm_down()
        who = {told.person_id: told.into_person_id for told in world.told}
        assert world.in_transit() == [0] * len(CARDS)
        open_guests = [guest for guest in who if shard_of(guest) not in self.sealed_counts]
        for guest in open_guests:
            game = world.disk_of(guest).game
            assert [game.holdings.count(guest, card) for card in CARDS] == [0] * len(CARDS)
            waiting = [row for row in game.exchanges.table.rows_of(guest) if self._waits(guest, row)]
            assert not waiting, "what merged persons have under way has ended"
        counted = [who.get(person, person) for person in world.completers()]
        if not self.sealed_counts:
            assert len(counted) == len(set(counted)), "a person has one set"
            for person in VERIFIED:
                sets = world.disk_of(person).game.sets
                assert sets.has_completed(person) == (person in counted)

    def _waits(self, person: PersonId, row: int) -> bool:
        table = self.world.disk_of(person).game.exchanges.table
        exchange = table.exchange(row)
        return exchange.state in WAITING and exchange.giver_id == person

    @invariant()
    def every_card_is_in_exactly_one_place(self) -> None:
        for disk in self.world.disks:
            disk.game.check()
        assert min(self.world.in_transit()) >= 0

    @invariant()
    def nobodys_set_counts_twice_on_one_shard_and_seals_are_final(self) -> None:
        completers = self.world.completers()
        assert len(completers) == len(set(completers))
        for shard, count in self.sealed_counts.items():
            assert self.world.disks[shard].game.sets.count == count

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.calm_down()


TestMerging = Merging.TestCase
TestMerging.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
