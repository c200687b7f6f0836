"""How much people may give, ask for and receive: each limit at its edge, and the days that they are for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from services.cards.adapters.state import CardsState
from services.cards.domain.events import Change
from services.cards.domain.exchanges.ending import decide_ending
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.identity import ExchangeKey, exchange_key
from services.cards.domain.exchanges.limits import OpeningLimits, Place, ReceivingLimits, UnderWay
from services.cards.domain.exchanges.machine import ExchangeAction, ExchangeKind, ExchangeState
from services.cards.domain.flows.counts import FlowCounts
from services.cards.domain.flows.errors import FanInLimitReached, VelocityLimitReached, WaitingLimitReached
from services.cards.domain.flows.limits import LEFT_TO_SERVICE, WIDEST, ExchangeLimits
from services.cards.domain.game import ShardGame
from services.cards.domain.vocabulary import Card, PersonId
from tests.unit.cards.games import ANNA, BAO, DEADLINE_MS, OPENS_MS, SPRING, a_part, arrived, everything

GIFT, ASK = ExchangeKind.GIFT, ExchangeKind.ASK
MIDNIGHT_MS = 1_454_860_800_000
"""2016-02-08T00:00 in Beijing, 4 hours after the games of these tests open: those here go on until later."""
HOUR_MS = 3_600_000


def a_long_game() -> ShardGame:
    game = ShardGame(replace(a_part(), deadline_ms=DEADLINE_MS + 72 * HOUR_MS))
    game.lease_happened(everything())
    return game


@dataclass
class Play:
    """A game, and what happens in it."""

    game: ShardGame = field(default_factory=a_long_game)
    now_ms: int = OPENS_MS
    under_way: UnderWay = field(default_factory=lambda: UnderWay(entries_max=100))
    requests: int = 0

    def request(self) -> bytes:
        self.requests += 1
        return self.requests.to_bytes(16, "big")

    def opened(self, kind: ExchangeKind, giver: int, receiver: int, card: Card) -> ExchangeKey:
        """On this shard, between people of it."""
        if kind is GIFT:
            arrived(self.game, PersonId(giver), card)
        request = self.request()
        self.game.opened_happened(
            ExchangesOpened(
                SPRING, kind, self.now_ms, self.now_ms + HOUR_MS, [giver], [receiver], [card], request, [0]
            )
        )
        return exchange_key(kind, giver, receiver, request)

    def accepted(self, giver: int, receiver: int, card: Card = Card.HARMONY) -> ExchangeKey:
        key = self.opened(GIFT, giver, receiver, card)
        pair = PersonId(giver), PersonId(receiver)
        action = ExchangeAction.ACCEPT_GIFT
        ending = decide_ending(self.game, action, [(PersonId(receiver), key)], self.now_ms, {pair: True})
        assert ending.event is not None
        self.game.ended_happened(ending.event)
        return key

    def offer(self, limits: ExchangeLimits) -> None:
        OpeningLimits(self.game, GIFT, self.now_ms, limits).check(ANNA)

    def receiving(self, kind: ExchangeKind, limits: ExchangeLimits) -> ReceivingLimits:
        return ReceivingLimits(self.game, kind, self.now_ms, limits, self.under_way)

    def accept(self, giver: int, limits: ExchangeLimits, card: Card = Card.HARMONY) -> ExchangeKey:
        """Bao is about to accept what has been offered on another shard."""
        request = self.request()
        people = [giver], [BAO], [card]
        self.game.followed_happened(
            ExchangesOpened(SPRING, GIFT, self.now_ms, self.now_ms + HOUR_MS, *people, request)
        )
        key = exchange_key(GIFT, giver, BAO, request)
        self.receiving(GIFT, limits).check(BAO, PersonId(giver), key)
        return key

    def ask(self, friend: int, limits: ExchangeLimits) -> ExchangeKey:
        """Bao is about to ask somebody of another shard."""
        key = exchange_key(ASK, friend, BAO, self.request())
        self.receiving(ASK, limits).check(BAO, PersonId(friend), key, Card.HARMONY)
        return key


def test_a_game_that_names_no_limit_leaves_it_to_the_service() -> None:
    own = ExchangeLimits(gifts_per_day_max=3)
    assert LEFT_TO_SERVICE.or_else(WIDEST) == WIDEST
    assert own.or_else(WIDEST) == replace(WIDEST, gifts_per_day_max=3)


def test_so_many_gifts_are_offered_in_a_day_of_beijing_and_no_more() -> None:
    play, limits = Play(), replace(WIDEST, gifts_per_day_max=2)
    play.now_ms = MIDNIGHT_MS - 1
    for _ in range(2):
        play.offer(limits)
        play.opened(GIFT, ANNA, BAO, Card.HARMONY)
    with pytest.raises(VelocityLimitReached) as refused:
        play.offer(limits)
    assert dict(refused.value.metadata) == {
        "campaign_id": SPRING,
        "person_id": str(ANNA),
        "limit_name": "gifts_per_day_max",
        "limit": "2",
        "used": "2",
        "again_at": "2016-02-07T16:00:00.000Z",
    }
    play.now_ms = MIDNIGHT_MS
    play.offer(limits)


def test_what_a_batch_has_begun_counts_for_the_rest_of_it() -> None:
    checked = OpeningLimits(Play().game, GIFT, OPENS_MS, replace(WIDEST, gifts_per_day_max=2))
    checked.check(ANNA)
    checked.check(ANNA)
    checked.check(BAO)
    with pytest.raises(VelocityLimitReached):
        checked.check(ANNA)


def test_only_so_much_waits_at_a_time() -> None:
    play, limits = Play(), replace(WIDEST, waiting_max=1)
    key = play.opened(GIFT, ANNA, BAO, Card.HARMONY)
    with pytest.raises(WaitingLimitReached) as refused:
        play.offer(limits)
    assert refused.value.metadata["used"] == "1"
    action = ExchangeAction.TAKE_BACK_GIFT
    ending = decide_ending(play.game, action, [(ANNA, key)], play.now_ms, {})
    assert ending.event is not None
    play.game.ended_happened(ending.event)
    play.offer(limits)


def test_so_many_asks_are_made_in_a_day_counting_those_under_way() -> None:
    play, limits = Play(), replace(WIDEST, asks_per_day_max=2)
    play.opened(ASK, ANNA, BAO, Card.HARMONY)
    under_way = play.ask(3, limits)
    with pytest.raises(VelocityLimitReached) as refused:
        play.ask(4, limits)
    assert refused.value.metadata["limit_name"] == "asks_per_day_max"
    play.receiving(ASK, limits).refused(BAO, under_way)
    play.ask(4, limits)


def test_asking_again_for_the_same_is_not_one_more() -> None:
    play, limits = Play(), replace(WIDEST, asks_per_day_max=1)
    key = play.ask(3, limits)
    play.receiving(ASK, limits).check(BAO, PersonId(3), key, Card.HARMONY)
    known = play.opened(ASK, ANNA, BAO, Card.HARMONY)
    play.receiving(ASK, limits).check(BAO, ANNA, known, Card.HARMONY)


def test_so_many_cards_are_received_in_a_day_counting_those_under_way() -> None:
    play, limits = Play(), replace(WIDEST, received_per_day_max=3)
    play.now_ms = MIDNIGHT_MS - 1
    play.accepted(ANNA, BAO)
    play.accept(3, limits)
    play.accept(3, limits)
    with pytest.raises(FanInLimitReached) as refused:
        play.accept(4, limits)
    assert (refused.value.metadata["limit_name"], refused.value.metadata["used"]) == (
        "received_per_day_max",
        "3",
    )
    with pytest.raises(FanInLimitReached):
        play.ask(4, limits)
    play.now_ms = MIDNIGHT_MS + HOUR_MS
    play.accept(4, limits)


def test_cards_come_from_so_many_people_in_a_day_but_from_them_any_number() -> None:
    play, limits = Play(), replace(WIDEST, givers_per_day_max=2)
    play.accepted(ANNA, BAO)
    play.accept(3, limits)
    play.accept(ANNA, limits)
    play.accept(3, limits)
    with pytest.raises(FanInLimitReached) as refused:
        play.accept(4, limits)
    assert refused.value.metadata["limit_name"] == "givers_per_day_max"


def test_rare_cards_are_bounded_for_the_whole_game_and_others_are_not() -> None:
    play, limits = Play(), replace(WIDEST, rare_received_max=1)
    play.accepted(ANNA, BAO, Card.DEDICATION)
    play.now_ms = MIDNIGHT_MS + 25 * HOUR_MS
    play.accept(3, limits)
    with pytest.raises(FanInLimitReached) as refused:
        play.accept(3, limits, Card.DEDICATION)
    assert refused.value.metadata["limit_name"] == "rare_received_max"
    unheard_of = exchange_key(GIFT, 4, BAO, play.request())
    with pytest.raises(FanInLimitReached):
        play.receiving(GIFT, limits).check(BAO, PersonId(4), unheard_of)


def test_what_was_asked_for_counts_as_if_it_had_come_until_it_ends() -> None:
    play, limits = Play(), replace(WIDEST, rare_received_max=2)
    on_record = play.opened(ASK, ANNA, BAO, Card.DEDICATION)
    under_way = exchange_key(ASK, 3, BAO, play.request())
    play.receiving(ASK, limits).check(BAO, PersonId(3), under_way, Card.DEDICATION)
    third = exchange_key(ASK, 4, BAO, play.request())
    with pytest.raises(FanInLimitReached) as refused:
        play.receiving(ASK, limits).check(BAO, PersonId(4), third, Card.DEDICATION)
    assert refused.value.metadata["used"] == "2"
    with pytest.raises(FanInLimitReached):
        play.accept(5, limits, Card.DEDICATION)
    action = ExchangeAction.DECLINE_ASK
    ending = decide_ending(play.game, action, [(ANNA, on_record)], play.now_ms, {})
    assert ending.event is not None
    play.game.ended_happened(ending.event)
    play.receiving(ASK, limits).check(BAO, PersonId(4), third, Card.DEDICATION)


def test_accepting_again_is_not_refused_once_it_is_done() -> None:
    play, limits = Play(), replace(WIDEST, received_per_day_max=1)
    key = play.accepted(ANNA, BAO)
    play.receiving(GIFT, limits).check(BAO, ANNA, key)
    with pytest.raises(FanInLimitReached):
        play.accept(3, limits)


class CountingUnderWay(UnderWay):
    """Tells how often it was gone through."""

    looks = 0

    def of(self, game: ShardGame, place: Place, now_ms: int) -> dict[ExchangeKey, Any]:
        self.looks += 1
        return super().of(game, place, now_ms)


def test_a_large_batch_of_one_person_is_counted_up_and_not_gone_through_for_each() -> None:
    """Each counts for those behind it, and one that is said twice counts once."""
    under_way = CountingUnderWay(entries_max=100)
    play, limits = Play(under_way=under_way), replace(WIDEST, received_per_day_max=5, givers_per_day_max=4)
    batch = play.receiving(GIFT, limits)
    keys = [exchange_key(GIFT, giver, BAO, play.request()) for giver in (3, 4, 5, 6, 3)]
    for _ in range(2):
        for giver, key in zip((3, 4, 5, 6, 3), keys, strict=True):
            batch.check(BAO, PersonId(giver), key)
    with pytest.raises(FanInLimitReached) as refused:
        batch.check(BAO, PersonId(7), exchange_key(GIFT, 7, BAO, play.request()))
    assert (refused.value.metadata["limit_name"], refused.value.metadata["used"]) == (
        "received_per_day_max",
        "5",
    )
    assert under_way.looks == len(ExchangeKind)


def test_what_was_under_way_counts_once_when_it_has_arrived() -> None:
    play, limits = Play(), replace(WIDEST, received_per_day_max=2)
    key = play.accept(3, limits)
    play.game.followed_happened(
        ExchangesEnded(
            SPRING,
            play.now_ms,
            [GIFT.value],
            [3],
            [BAO],
            [Card.HARMONY],
            key[16:],
            [ExchangeState.ACCEPTED.value],
        )
    )
    play.accept(4, limits)
    with pytest.raises(FanInLimitReached):
        play.accept(5, limits)


def test_what_never_came_counts_no_more_after_a_minute() -> None:
    play, limits = Play(), replace(WIDEST, received_per_day_max=1)
    play.accept(3, limits)
    play.now_ms += 59_999
    with pytest.raises(FanInLimitReached):
        play.accept(4, limits)
    play.now_ms += 1
    play.accept(4, limits)


def test_only_so_much_is_remembered_and_what_came_first_is_forgotten() -> None:
    play, limits = Play(under_way=UnderWay(entries_max=1)), replace(WIDEST, received_per_day_max=1)
    play.accept(3, limits)
    other = exchange_key(GIFT, 4, 5, play.request())
    play.receiving(GIFT, limits).check(PersonId(5), PersonId(4), other)
    play.accept(4, limits)


def test_who_has_nothing_waiting_is_not_counted_after_a_snapshot_either() -> None:
    """A million people with a 0 would take a hundred megabytes."""
    play = Play()
    play.accepted(ANNA, BAO)
    anew = FlowCounts()
    anew.restored(play.game.exchanges.table.columns())
    assert dict(play.game.exchanges.counts.waiting) == dict(anew.waiting) == {}


def test_a_snapshot_keeps_the_counts_of_the_two_newest_days_and_no_older_ones() -> None:
    play = Play()
    for now_ms in (MIDNIGHT_MS - 1, MIDNIGHT_MS, MIDNIGHT_MS + 24 * HOUR_MS, MIDNIGHT_MS + 24 * HOUR_MS + 1):
        play.now_ms = now_ms
        play.accepted(ANNA, BAO)
    counts, anew = play.game.exchanges.counts, FlowCounts()
    anew.restored(play.game.exchanges.table.columns())
    for days, offered in ((-1, {}), (0, {ANNA: 1}), (1, {ANNA: 2})):
        for told in (counts, anew):
            day = told.day(MIDNIGHT_MS + days * 24 * HOUR_MS)
            assert (day.offered, day.givers) == (offered, {BAO: {ANNA}} if offered else {})


def test_a_snapshot_counts_the_same() -> None:
    state = CardsState(0)
    state.cards.happened(Change(replace(a_part(), exchange_limits=replace(WIDEST, waiting_max=7))))
    play = Play(game=state.cards.games[SPRING])
    play.accepted(ANNA, BAO, Card.DEDICATION)
    play.opened(GIFT, ANNA, BAO, Card.HARMONY)
    play.opened(ASK, ANNA, BAO, Card.HARMONY)
    restored = CardsState(0)
    restored.restore(state.snapshot())
    game = restored.cards.games[SPRING]
    assert game.prepared.exchange_limits.waiting_max == 7
    assert game.exchanges.counts.waiting == {ANNA: 1, BAO: 1}
    assert game.exchanges.counts.open_asks == {BAO: {(ANNA, False): 1}}
    assert game.exchanges.counts.rare_received == {ANNA: 1, BAO: 1}, "she had it from a friend, too"
    day = game.exchanges.counts.day(play.now_ms)
    assert (day.offered, day.asked, day.received) == ({ANNA: 2}, {BAO: 1}, {ANNA: 2, BAO: 1})
    assert day.givers == {ANNA: {99}, BAO: {ANNA}}
