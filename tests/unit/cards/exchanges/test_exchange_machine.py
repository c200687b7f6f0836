"""Gifts and asks on two shards, with crashes between any two steps, against a model that counts on fingers.

The shards' journals are lists of serialised records. A crash takes from a shard everything that was not made
durable and rebuilds it, from a snapshot where there is one. Other shards only ever see durable records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hongbao.cards.v1.events_pb2 import CardsEvent
from services.cards.adapters.records import from_record, to_record
from services.cards.adapters.state import CardsState
from services.cards.domain.errors import DeadlinePassed
from services.cards.domain.events import CardsDealt, Change, FeedPosition, FeedSkipped, SetsCompleted
from services.cards.domain.exchanges.ending import decide_ending, decide_expiry
from services.cards.domain.exchanges.errors import CardNotHeld, ExchangeEnded, NotFriends, RequestIdReused
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesFollowed, ExchangesOpened
from services.cards.domain.exchanges.following import follow_exchanges
from services.cards.domain.exchanges.identity import ExchangeKey, exchange_key, giver_of
from services.cards.domain.exchanges.machine import (
    GIVES_CARD,
    GOAL,
    WAITING,
    ExchangeAction,
    ExchangeKind,
    ExchangeState,
    is_for_giver,
    suits,
)
from services.cards.domain.exchanges.opening import Wish, decide_opening
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.flows.counts import FlowCounts
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings import hand
from services.cards.domain.placement import shard_of_person
from services.cards.domain.sets.rules import decide_seal
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CARDS, Card, PersonId, Source
from tests.unit.cards.games import DEADLINE_MS, OPENS_MS, SPRING, a_part, everything

SHARDS = 2
PERSONS = [PersonId(number) for number in range(1, 7)]
SUPPLY = SupplyPlan(limits=(6,) * 5, quotas=(0, 40, 0, 0))
LIFETIME_MS = 20_000
Pair = tuple[PersonId, PersonId]

persons = st.sampled_from(PERSONS)
shards = st.integers(0, SHARDS - 1)
requests = st.integers(0, 5).map(lambda number: bytes((number,)) * 16)
ACTIONS = [one for one in ExchangeAction if one not in {ExchangeAction.EXPIRE, ExchangeAction.BREAK}]


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


@dataclass
class FingerCount:
    """The plain model: where every card is, and how all exchanges stand, from the journals of all shards."""

    hands: Counter[tuple[PersonId, Card]] = field(default_factory=Counter)
    issued: Counter[Card] = field(default_factory=Counter)
    states: dict[ExchangeKey, ExchangeState] = field(default_factory=dict)
    on_the_way: dict[ExchangeKey, tuple[PersonId, Card]] = field(default_factory=dict)
    arrived: list[ExchangeKey] = field(default_factory=list)
    offered: Counter[Card] = field(default_factory=Counter)

    def see(self, shard: int, change: Change) -> None:  # noqa: C901 - one case for each kind
        match change.event:
            case CardsDealt(deals):
                for deal in deals:
                    self.issued.update(map(Card, deal.cards))
                    self.hands.update(zip(map(PersonId, deal.person_ids), map(Card, deal.cards), strict=True))
            case ExchangesOpened() as opened:
                for key, giver, _, card in _rows(opened, [opened.kind] * len(opened.cards)):
                    assert key not in self.states, "an exchange begins once"
                    is_gift = opened.kind is ExchangeKind.GIFT
                    self.states[key] = ExchangeState.OFFERED if is_gift else ExchangeState.OPEN
                    self.hands[giver, card] -= is_gift
                    self.offered[card] += is_gift
            case ExchangesEnded() as ended:
                rows = _rows(ended, ended.kinds)
                for (key, giver, receiver, card), number in zip(rows, ended.states, strict=True):
                    self.end(shard, key, (giver, receiver, card), ExchangeState(number))
            case ExchangesFollowed(parts):
                for followed in parts:
                    if isinstance(followed.part, ExchangesEnded):
                        rows = _rows(followed.part, followed.part.kinds)
                        for (key, *_), number in zip(rows, followed.part.states, strict=True):
                            if number in GIVES_CARD:
                                self.arrived.append(key)

    def end(
        self, shard: int, key: ExchangeKey, row: tuple[PersonId, PersonId, Card], state: ExchangeState
    ) -> None:
        giver, receiver, card = row
        began = self.states[key]
        assert began in WAITING, "an exchange ends once"
        self.states[key] = state
        self.offered[card] -= began is ExchangeState.OFFERED
        if state in GIVES_CARD:
            self.hands[giver, card] -= began is ExchangeState.OPEN
            if shard_of_person(receiver, SHARDS) == shard:
                self.hands[receiver, card] += 1
            else:
                self.on_the_way[key] = receiver, card
        else:
            self.hands[giver, card] += began is ExchangeState.OFFERED

    def check(self) -> None:
        for key in self.arrived:
            # What arrives twice, or was never sent, is not there to be taken.
            self.hands[self.on_the_way.pop(key)] += 1
        assert min(self.hands.values(), default=0) >= 0
        for card in CARDS:
            held = sum(count for (_, kind), count in self.hands.items() if kind is card)
            on_the_way = sum(kind is card for _, kind in self.on_the_way.values())
            assert self.issued[card] == held + on_the_way + self.offered[card]


def _rows(
    columns: ExchangesOpened | ExchangesEnded, kinds: Sequence[int]
) -> list[tuple[ExchangeKey, PersonId, PersonId, Card]]:
    return [
        (
            exchange_key(
                ExchangeKind(kind), giver, receiver, columns.request_ids[16 * index : 16 * index + 16]
            ),
            PersonId(giver),
            PersonId(receiver),
            Card(card),
        )
        for index, (kind, giver, receiver, card) in enumerate(
            zip(kinds, columns.giver_ids, columns.receiver_ids, columns.cards, strict=True)
        )
    ]


def told(counts: FlowCounts, now_ms: int) -> tuple[Mapping[int, object], ...]:
    """All counts that mean something. Looking at one that is not there must not make it."""
    day = counts.day(now_ms)
    plain = counts.waiting, counts.rare_received, day.offered, day.asked, day.received
    return *(+count for count in plain), dict(day.givers), counts.open_asks


class Exchanging(RuleBasedStateMachine):
    """Every rule is one step that a player, a feed, a clock, a friendship or a power cut takes."""

    @initialize()
    def prepare(self) -> None:
        self.now_ms = OPENS_MS
        self.parted: set[Pair] = set()
        self.begun: list[tuple[ExchangeKey, Pair]] = []
        """Everything that was ever asked for, whether it came to be or not."""
        self.told: dict[ExchangeKey, ExchangeState] = {}
        """Ends that somebody was told of."""
        self.disks = [Disk(CardsState(number)) for number in range(SHARDS)]
        for number, disk in enumerate(self.disks):
            disk.commit(Change(a_part(SUPPLY, number)))
            disk.commit(Change(everything(SUPPLY)))
            own = [person for person in PERSONS if shard_of_person(person, SHARDS) == number]
            keys = [f"{person}-{index}" for person in own for index in range(6)]
            decision = decide_deal(
                disk.game, Source.TAP, [p for p in own for _ in range(6)], keys, self.now_ms, are_all_own
            )
            assert decision.deal is not None
            disk.commit(Change(CardsDealt((decision.deal,))))
            disk.flush()

    def disk_of(self, person: PersonId) -> Disk:
        return self.disks[shard_of_person(person, SHARDS)]

    def are_friends(self, pair: Pair) -> bool:
        return tuple(sorted(pair)) not in self.parted

    @rule(
        kind=st.sampled_from(ExchangeKind),
        giver=persons,
        receiver=persons,
        card=st.sampled_from(CARDS),
        request=requests,
    )
    def begin(
        self, kind: ExchangeKind, giver: PersonId, receiver: PersonId, card: Card, request: bytes
    ) -> None:
        if giver == receiver:
            return
        disk, pair = self.disk_of(giver), (giver, receiver)
        wish = Wish(giver, receiver, card, request, shard_of_person(receiver, SHARDS))
        key = exchange_key(kind, giver, receiver, request)
        was_known = disk.game.exchanges.table.row_of(key) is not None
        friends = {pair: self.are_friends(pair)}
        # Twice in the same batch: the second is the first.
        opening = decide_opening(disk.game, kind, [wish, wish], self.now_ms, LIFETIME_MS, friends)
        if opening.event is not None:
            disk.commit(Change(opening.event))
        first, second = opening.results
        self.begun.append((key, pair))
        if isinstance(first, Exchange):
            assert first == second
            assert was_known or (self.now_ms < DEADLINE_MS and self.are_friends(pair))
            assert self.now_ms < first.expires_at_ms <= DEADLINE_MS or was_known
        else:
            assert isinstance(first, CardNotHeld | NotFriends | DeadlinePassed | RequestIdReused)
            assert isinstance(first, RequestIdReused) == was_known

    @precondition(lambda self: self.begun)
    @rule(data=st.data(), is_actor=st.sampled_from([True, True, True, False]))
    def act(self, data: st.DataObject, is_actor: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        key, pair = data.draw(st.sampled_from(self.begun))
        kind = ExchangeKind.GIFT if key[:8] == key[8:16] else ExchangeKind.ASK
        self.end(
            key, pair, data.draw(st.sampled_from([one for one in ACTIONS if suits(one, kind)])), is_actor
        )

    @rule(data=st.data(), giver=persons, receiver=persons, request=requests, are_apart=st.booleans())
    def give_what_there_is(
        self,
        data: st.DataObject,
        giver: PersonId,
        receiver: PersonId,
        request: bytes,
        are_apart: bool,  # noqa: FBT001 - Hypothesis names it
    ) -> None:
        """Offers or asks for a card that is there, and answers, after a parting now and then."""
        held = hand.held(self.disk_of(giver).game.holdings.hand_of(giver))
        if giver == receiver or not held:
            return
        kind = data.draw(st.sampled_from(ExchangeKind))
        self.begin(kind, giver, receiver, data.draw(st.sampled_from(held)), request)
        if are_apart and data.draw(st.booleans()):
            self.part_or_meet_again(giver, receiver)
        is_gift = kind is ExchangeKind.GIFT
        action = ExchangeAction.ACCEPT_GIFT if is_gift else ExchangeAction.ANSWER_ASK
        self.end(exchange_key(kind, giver, receiver, request), (giver, receiver), action, True)
        if data.draw(st.booleans()):
            self.read_feed(shard_of_person(receiver, SHARDS), 1_000, True)

    def end(self, key: ExchangeKey, pair: Pair, action: ExchangeAction, is_actor: bool) -> None:  # noqa: FBT001 - drawn
        disk = self.disk_of(giver_of(key))
        actor = pair[0] if is_for_giver(action) == is_actor else pair[1]
        friends = {pair: self.are_friends(pair)}
        ending = decide_ending(disk.game, action, [(actor, key)], self.now_ms, friends)
        if ending.event is not None:
            disk.commit(Change(ending.event))
        (result,) = ending.results
        disk.flush()
        if isinstance(result, Exchange):
            assert is_actor
            assert result.state is GOAL[action]
            assert self.told.setdefault(key, result.state) is result.state
            assert result.ended_at_ms < result.expires_at_ms
        elif isinstance(result, ExchangeEnded):
            state = ExchangeState[result.metadata["state"]]
            assert self.told.setdefault(key, state) is state
        elif isinstance(result, NotFriends):
            assert self.told.setdefault(key, ExchangeState.BROKEN) is ExchangeState.BROKEN

    @rule(shard=shards, limit=st.integers(1, 3))
    def expire(self, shard: int, limit: int) -> None:
        disk = self.disks[shard]
        if not disk.game.is_sealed:
            ended = decide_expiry(disk.game, self.now_ms, limit)
            if ended is not None:
                disk.commit(Change(ended))

    @rule(one=persons, other=persons)
    def part_or_meet_again(self, one: PersonId, other: PersonId) -> None:
        self.parted ^= {(min(one, other), max(one, other))}

    @rule(shard=shards, batch=st.integers(1, 30), is_durable=st.booleans())
    def read_feed(self, shard: int, batch: int, is_durable: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        other = 1 - shard
        if is_durable:
            self.disks[other].flush()
        disk, source = self.disks[shard], f"cards/{other}"
        cursor = disk.state.cards.positions.get(source, 0)
        new = self.disks[other].changes(durable_only=True)[cursor : cursor + batch]
        events = [
            (seq, change.event)
            for seq, change in enumerate(new, start=cursor + 1)
            if isinstance(change.event, ExchangesOpened | ExchangesEnded)
        ]
        if new:
            event = follow_exchanges(disk.state.cards, events) or FeedSkipped()
            disk.commit(Change(event, FeedPosition(source, cursor + len(new))))

    @rule(seconds=st.sampled_from([1, 5, 25]))
    def wait(self, seconds: int) -> None:
        self.now_ms += seconds * 1000

    @rule(shard=shards)
    @precondition(lambda self: self.now_ms >= DEADLINE_MS)
    def seal(self, shard: int) -> None:
        disk = self.disks[shard]
        while not disk.game.is_sealed:
            ended = decide_expiry(disk.game, self.now_ms, 2)
            disk.commit(Change(ended or decide_seal(disk.game, self.now_ms)))

    @rule(shard=shards)
    def reach_the_disk(self, shard: int) -> None:
        self.disks[shard].flush()

    @rule(shard=shards)
    def keep_a_snapshot(self, shard: int) -> None:
        disk = self.disks[shard]
        disk.flush()
        disk.snapshot = (disk.durable, disk.state.snapshot())

    @rule(shard=shards)
    def crash(self, shard: int) -> None:
        self.disks[shard].crash()

    @invariant()
    def every_card_is_in_exactly_one_place(self) -> None:
        count = FingerCount()
        for number, disk in enumerate(self.disks):
            assert not any(isinstance(change.event, SetsCompleted) for change in disk.changes())
            for change in disk.changes():
                count.see(number, change)
        count.check()
        for person in PERSONS:
            held = tuple(count.hands[person, card] for card in CARDS)
            assert self.disk_of(person).game.holdings.hand_of(person) == held
        for card in CARDS:
            offered = sum(disk.game.exchanges.offered[card - 1] for disk in self.disks)
            assert offered == count.offered[card]
        for disk in self.disks:
            disk.game.check()

    @invariant()
    def what_somebody_was_told_stays_so(self) -> None:
        for key, state in self.told.items():
            table = self.disk_of(giver_of(key)).game.exchanges.table
            row = table.row_of(key)
            assert row is not None
            assert table.exchange(row).state is state

    @invariant()
    def what_limits_are_compared_with_follows_from_the_exchanges(self) -> None:
        for disk in self.disks:
            exchanges, anew = disk.game.exchanges, FlowCounts()
            anew.restored(exchanges.table.columns())
            assert told(exchanges.counts, self.now_ms) == told(anew, self.now_ms)

    @invariant()
    def everybody_finds_all_of_their_exchanges(self) -> None:
        for person in PERSONS:
            table = self.disk_of(person).game.exchanges.table
            found = [table.exchange(row) for row in table.rows_of(person)]
            assert all(person in {exchange.giver_id, exchange.receiver_id} for exchange in found)
            assert len({exchange.key for exchange in found}) == len(found)
            own = [
                row for row in range(len(table)) if person in {table.giver_ids[row], table.receiver_ids[row]}
            ]
            assert len(found) == len(own)


TestExchanging = Exchanging.TestCase
TestExchanging.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
