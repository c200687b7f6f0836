"""How people offer, ask, answer, change their minds and part, on shards that may crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import hypothesis.strategies as st
from hypothesis import event
from hypothesis.stateful import invariant, precondition, rule

from services.cards.domain.errors import CardsError, DeadlinePassed
from services.cards.domain.events import Change, GamePrepared
from services.cards.domain.exchanges.ending import decide_ending
from services.cards.domain.exchanges.errors import CardNotHeld, ExchangeEnded, NotFriends, RequestIdReused
from services.cards.domain.exchanges.identity import ExchangeKey, exchange_key, giver_of
from services.cards.domain.exchanges.limits import ReceivingLimits, UnderWay
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
from services.cards.domain.flows.errors import FanInLimitReached, VelocityLimitReached, WaitingLimitReached
from services.cards.domain.flows.limits import LEFT_TO_SERVICE, WIDEST, ExchangeLimits
from services.cards.domain.holdings import hand
from services.cards.domain.placement import shard_of_person
from services.cards.domain.vocabulary import CARDS, Card, PersonId
from tests.unit.cards.finger_count import FingerCount
from tests.unit.cards.games import DEADLINE_MS
from tests.unit.cards.shard_rules import PERSONS, SHARDS, ShardRules, persons

LIFETIME_MS = 20_000
GIFT, ASK = ExchangeKind.GIFT, ExchangeKind.ASK
Pair = tuple[PersonId, PersonId]
"""Giver and receiver."""

requests = st.integers(0, 5).map(lambda number: bytes((number,)) * 16)
ACTIONS = [one for one in ExchangeAction if one not in {ExchangeAction.EXPIRE, ExchangeAction.BREAK}]


class ExchangeRules(ShardRules):
    """Everybody is everybody's friend, until they part."""

    def start(self, parts: Sequence[GamePrepared]) -> None:
        super().start(parts)
        self.limits = parts[0].exchange_limits.or_else(WIDEST)
        self.parted: set[Pair] = set()
        self.begun: list[tuple[ExchangeKey, ExchangeKind, Pair]] = []
        """Everything that was ever asked for, whether it came to be or not."""
        self.told: dict[ExchangeKey, ExchangeState] = {}
        """Ends that somebody was told of."""
        self.under_way = [UnderWay(entries_max=1_000) for _ in range(SHARDS)]
        self.is_behind = [False] * SHARDS
        """Shards that forgot what was under way, before it followed by the feed."""

    def forget(self, shard: int) -> None:
        self.under_way[shard] = UnderWay(entries_max=1_000)
        read = self.disks[shard].state.positions.get(f"cards/{1 - shard}", 0)
        self.is_behind[shard] |= read < len(self.disks[1 - shard].records)

    def are_friends(self, pair: Pair) -> bool:
        return (min(pair), max(pair)) not in self.parted

    def receiving(self, kind: ExchangeKind, receiver: PersonId) -> ReceivingLimits:
        """As the receiver's shard knows them."""
        under_way = self.under_way[shard_of_person(receiver, SHARDS)]
        return ReceivingLimits(self.disk_of(receiver).game, kind, self.now_ms, self.limits, under_way)

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
        """A gift is offered, or an ask made; nobody answers yet."""
        if giver == receiver:
            return
        disk, pair = self.disk_of(giver), (giver, receiver)
        key = exchange_key(kind, giver, receiver, request)
        self.begun.append((key, kind, pair))
        limits = self.receiving(kind, receiver)
        try:
            if kind is ASK:
                limits.check(receiver, giver, key, card)
        except (VelocityLimitReached, WaitingLimitReached, FanInLimitReached) as error:
            event(f"to ask: {error.metadata['limit_name']}")
            return
        was_known = disk.game.exchanges.table.row_of(key) is not None
        wish = Wish(giver, receiver, card, request, shard_of_person(receiver, SHARDS))
        # Twice in the same batch: the second is the first.
        wishes, friends = [wish, wish], {pair: self.are_friends(pair)}
        opening = decide_opening(disk.game, kind, wishes, self.now_ms, LIFETIME_MS, friends, self.limits)
        if opening.event is not None:
            disk.commit(Change(opening.event))
        first, second = opening.results
        if isinstance(first, Exchange):
            assert first == second
            assert was_known or (self.now_ms < DEADLINE_MS and self.are_friends(pair))
            assert self.now_ms < first.expires_at_ms <= DEADLINE_MS or was_known
        else:
            self.check_refusal(giver, first, was_known=was_known)
            limits.refused(receiver, key)

    def check_refusal(self, giver: PersonId, error: CardsError, *, was_known: bool) -> None:
        assert isinstance(error, RequestIdReused) == was_known
        if isinstance(error, VelocityLimitReached | WaitingLimitReached):
            event(f"to offer: {error.metadata['limit_name']}")
            if isinstance(error, VelocityLimitReached):
                assert self.count().begun[GIFT, giver] == self.limits.gifts_per_day_max
        else:
            assert isinstance(error, CardNotHeld | NotFriends | DeadlinePassed | RequestIdReused)

    @rule(
        data=st.data(),
        times=st.integers(1, 4),
        then=st.sampled_from(["answer", "part and answer", "any end", "nothing", "nothing"]),
    )
    def begin_with_what_there_is(self, data: st.DataObject, times: int, then: str) -> None:
        """Cards that are there are offered or asked for, and the answer comes at once, or later."""
        for _ in range(times):
            held = {
                person: hand.held(self.disk_of(person).game.holdings.hand_of(person)) for person in PERSONS
            }
            givers = [person for person in PERSONS if held[person]]
            if not givers:
                return
            giver = data.draw(st.sampled_from(givers))
            receiver = data.draw(st.sampled_from([person for person in PERSONS if person != giver]))
            kind, request = data.draw(st.sampled_from(ExchangeKind)), data.draw(requests)
            self.begin(kind, giver, receiver, data.draw(st.sampled_from(held[giver])), request)
            if then == "part and answer":
                self.part_or_meet_again(giver, receiver)
            if then != "nothing":
                action = ExchangeAction.ACCEPT_GIFT if kind is GIFT else ExchangeAction.ANSWER_ASK
                if then == "any end":
                    action = data.draw(st.sampled_from([one for one in ACTIONS if suits(one, kind)]))
                self.end(exchange_key(kind, giver, receiver, request), (giver, receiver), action)

    @precondition(lambda self: self.begun)
    @rule(
        data=st.data(),
        times=st.integers(1, 3),
        is_waiting=st.sampled_from([True, True, True, False]),
        is_actor=st.sampled_from([True, True, True, False]),
        is_told=st.booleans(),
    )
    def act(self, data: st.DataObject, times: int, is_waiting: bool, is_actor: bool, is_told: bool) -> None:  # noqa: FBT001 - Hypothesis names them
        """Somebody accepts, answers, declines or takes back, mostly what waits for it."""
        for _ in range(times):
            begun = [one for one in self.begun if self.waits(one[0])] if is_waiting else self.begun
            if begun:
                key, kind, pair = data.draw(st.sampled_from(begun))
                action = data.draw(st.sampled_from([one for one in ACTIONS if suits(one, kind)]))
                self.end(key, pair, action, is_actor=is_actor, is_told=is_told)

    def waits(self, key: ExchangeKey) -> bool:
        table = self.disk_of(giver_of(key)).game.exchanges.table
        row = table.row_of(key)
        return row is not None and table.exchange(row).state in WAITING

    def end(
        self,
        key: ExchangeKey,
        pair: Pair,
        action: ExchangeAction,
        *,
        is_actor: bool = True,
        is_told: bool = True,
    ) -> None:
        """Who is told is told what is durable; otherwise a crash may come before the answer."""
        disk = self.disk_of(giver_of(key))
        actor = pair[0] if is_for_giver(action) == is_actor else pair[1]
        limits = self.receiving(GIFT, actor)
        try:
            if action is ExchangeAction.ACCEPT_GIFT:
                limits.check(actor, giver_of(key), key)
        except FanInLimitReached as error:
            event(f"to accept: {error.metadata['limit_name']}")
            return
        friends = {pair: self.are_friends(pair)}
        ending = decide_ending(disk.game, action, [(actor, key)], self.now_ms, friends)
        if ending.event is not None:
            assert self.are_friends(pair) or ending.event.states[0] not in GIVES_CARD
            disk.commit(Change(ending.event))
        if is_told:
            disk.flush()
            (result,) = ending.results
            self.note(key, action, result, is_actor=is_actor)
            if action is ExchangeAction.ACCEPT_GIFT and isinstance(result, CardsError):
                limits.refused(actor, key)

    def note(
        self, key: ExchangeKey, action: ExchangeAction, result: Exchange | CardsError, *, is_actor: bool
    ) -> None:
        """What somebody was told stays so."""
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

    @rule(one=persons, other=persons)
    def part_or_meet_again(self, one: PersonId, other: PersonId) -> None:
        self.parted ^= {(min(one, other), max(one, other))}

    @invariant()
    def what_somebody_was_told_stays_so(self) -> None:
        for key, state in self.told.items():
            table = self.disk_of(giver_of(key)).game.exchanges.table
            row = table.row_of(key)
            assert row is not None
            assert table.exchange(row).state is state

    def check(self, count: FingerCount) -> None:
        super().check(count)
        for person in PERSONS:
            count.check_giver(person, self.limits)
            if not self.is_behind[shard_of_person(person, SHARDS)]:
                count.check_receiver(person, self.limits)

    @invariant()
    def what_limits_are_compared_with_follows_from_the_exchanges(self) -> None:
        for disk in self.disks:
            exchanges, anew = disk.game.exchanges, FlowCounts()
            anew.restored(exchanges.table.columns())
            assert counted(exchanges.counts, self.now_ms) == counted(anew, self.now_ms)

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


def counted(counts: FlowCounts, now_ms: int) -> tuple[Mapping[int, object], ...]:
    """All counts that mean something. Looking at one that is not there must not make it."""
    day = counts.day(now_ms)
    plain = counts.waiting, counts.rare_received, day.offered, day.asked, day.received
    asks = {person: +open_asks for person, open_asks in counts.open_asks.items() if +open_asks}
    return *(+count for count in plain), dict(day.givers), asks


LIMITS_TO_REACH = [
    LEFT_TO_SERVICE,
    LEFT_TO_SERVICE,
    ExchangeLimits(gifts_per_day_max=2, asks_per_day_max=2, waiting_max=3),
    ExchangeLimits(received_per_day_max=2, givers_per_day_max=1, rare_received_max=1),
]
"""Games without limits, and with some that people reach now and then."""
