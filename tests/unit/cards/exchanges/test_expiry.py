"""What nobody answers comes home by itself; and what people find in their lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from services.cards.adapters.expiry import ExpiryKeeper
from services.cards.domain.events import Change
from services.cards.domain.exchanges.ending import decide_ending, decide_expiry, decide_parting
from services.cards.domain.exchanges.events import ExchangesOpened
from services.cards.domain.exchanges.listing import GIVER, LOOKS_MAX, RECEIVER, list_exchanges
from services.cards.domain.exchanges.machine import ExchangeAction, ExchangeKind, ExchangeState
from services.cards.domain.exchanges.opening import Wish, decide_opening
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.game import ShardGame
from services.cards.domain.sets.rules import decide_seal
from services.cards.domain.shard import CardsShard
from services.cards.domain.vocabulary import Card, PersonId
from services.cards.settings import CardsSettings
from services.mesh.clock import ManualClock
from tests.unit.cards.games import ANNA, BAO, DEADLINE_MS, OPENS_MS, SPRING, a_game, a_part, arrived

LIFETIME_MS = 10_000


def offered(game: ShardGame, number: int, at_ms: int = OPENS_MS, giver: PersonId = ANNA) -> Exchange:
    """A harmony card that Anna was given and offers to Bao."""
    arrived(game, giver, Card.HARMONY)
    wish = Wish(giver, BAO, Card.HARMONY, number.to_bytes(16, "big"), 0)
    opening = decide_opening(game, ExchangeKind.GIFT, [wish], at_ms, LIFETIME_MS, {wish.pair: True})
    assert opening.event is not None
    game.opened_happened(opening.event)
    (exchange,) = opening.results
    assert isinstance(exchange, Exchange)
    return exchange


def test_a_gift_expires_in_its_millisecond_and_never_outlives_the_game() -> None:
    game = a_game()
    early, late = offered(game, 1), offered(game, 2, DEADLINE_MS - 1)
    assert early.expires_at_ms == OPENS_MS + LIFETIME_MS
    assert late.expires_at_ms == DEADLINE_MS
    assert decide_expiry(game, early.expires_at_ms - 1, 9) is None
    ended = decide_expiry(game, early.expires_at_ms, 9)
    assert ended is not None
    assert list(ended.states) == [ExchangeState.EXPIRED]
    game.ended_happened(ended)
    assert game.holdings.count(ANNA, Card.HARMONY) == 1
    assert game.exchanges.table.row_of(late.key) is not None
    assert decide_expiry(game, DEADLINE_MS - 1, 9) is None


def test_only_so_many_expire_at_once_and_the_first_come_first() -> None:
    game = a_game()
    for number in range(5):
        offered(game, number, OPENS_MS + number)
    counts = []
    while (ended := decide_expiry(game, DEADLINE_MS, 2)) is not None:
        counts.append(len(ended.cards))
        game.ended_happened(ended)
    assert counts == [2, 2, 1]
    assert game.exchanges.waiting_count == 0
    assert game.holdings.count(ANNA, Card.HARMONY) == 5


def test_nothing_is_sealed_while_a_card_is_offered() -> None:
    game = a_game()
    offered(game, 1)
    with pytest.raises(AssertionError, match="before the seal"):
        game.seal_happened(decide_seal(game, DEADLINE_MS))


def test_what_has_ended_does_not_expire() -> None:
    game = a_game()
    exchange = offered(game, 1)
    accepts = ExchangeAction.ACCEPT_GIFT
    ending = decide_ending(game, accepts, [(BAO, exchange.key)], OPENS_MS, {(ANNA, BAO): True})
    assert ending.event is not None
    game.ended_happened(ending.event)
    assert decide_expiry(game, DEADLINE_MS, 9) is None
    assert game.holdings.count(BAO, Card.HARMONY) == 1


def test_who_turns_out_to_be_somebody_else_has_their_offers_back_first() -> None:
    game = a_game()
    mine, others = offered(game, 1), offered(game, 2, giver=PersonId(7))
    ended = decide_parting(game, ANNA, OPENS_MS, 9)
    assert ended is not None
    assert list(ended.giver_ids) == [ANNA]
    game.ended_happened(ended)
    table = game.exchanges.table
    states = [table.states[table.row_of(one.key) or 0] for one in (mine, others)]
    assert states == [ExchangeState.BROKEN, ExchangeState.OFFERED]
    assert decide_parting(game, ANNA, OPENS_MS, 9) is None


def test_a_list_is_read_page_by_page_whatever_comes_in_between() -> None:
    game = a_game()
    table = game.exchanges.table
    keys = [offered(game, number).key for number in range(3)]
    first = list_exchanges(table, ANNA, role=GIVER, states=frozenset(), position=0, size=2)
    assert first is not None
    offered(game, 9)
    position = first.next_position
    second = list_exchanges(table, ANNA, role=GIVER, states=frozenset(), position=position, size=2)
    assert second is not None
    assert [exchange.key for exchange in (*first.exchanges, *second.exchanges)] == keys[::-1]
    assert second.next_position == 0
    # What Anna was given by a friend elsewhere is in her list, too.
    theirs = list_exchanges(table, ANNA, role=RECEIVER, states=frozenset(), position=0, size=9)
    assert theirs is not None
    assert {exchange.receiver_id for exchange in theirs.exchanges} == {ANNA}
    assert list_exchanges(table, BAO, role=0, states=frozenset(), position=1, size=2) is None
    assert list_exchanges(table, ANNA, role=0, states=frozenset(), position=999, size=2) is None


def test_a_page_that_finds_nothing_in_time_says_where_to_go_on() -> None:
    game = a_game()
    table = game.exchanges.table
    arrived(game, ANNA, *[Card.HARMONY] * (LOOKS_MAX + 5))
    offers = frozenset({ExchangeState.OFFERED.value})
    page = list_exchanges(table, ANNA, role=0, states=offers, position=0, size=5)
    assert page is not None
    assert not page.exchanges
    last = list_exchanges(table, ANNA, role=0, states=offers, position=page.next_position, size=5)
    assert last is not None
    assert last.next_position == 0


class ListedShard:
    """A shard whose journal is a list, and a disk that is always there."""

    def __init__(self) -> None:
        self.state = CardsShard(0)
        self.changes: list[Change] = []
        self.commit(Change(a_part()))

    def commit(self, change: Change) -> Awaitable[int]:
        self.state.happened(change)
        self.changes.append(change)
        durable: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        durable.set_result(len(self.changes))
        return durable

    async def settled(self) -> None:
        """Everything is."""


async def test_the_keeper_ends_what_has_expired_when_nobody_asks() -> None:
    shard, clock = ListedShard(), ManualClock(OPENS_MS)
    ask = ExchangesOpened(
        SPRING, ExchangeKind.ASK, OPENS_MS, OPENS_MS + LIFETIME_MS, [ANNA], [BAO], [3], bytes(16), [1]
    )
    shard.commit(Change(ask))
    keeper = ExpiryKeeper(shard, clock, CardsSettings())
    await keeper.look()
    assert shard.state.games[SPRING].exchanges.waiting_count == 1
    await clock.advance(LIFETIME_MS / 1000)
    await keeper.look()
    assert shard.state.games[SPRING].exchanges.waiting_count == 0
    assert len(shard.changes) == 3
