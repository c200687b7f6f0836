"""What happens while social is asked who is friends with whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from services.cards.domain.errors import GameNotOpen
from services.cards.domain.exchanges.desk import ExchangeDesk
from services.cards.domain.exchanges.limits import UnderWay
from services.cards.domain.exchanges.machine import ExchangeState
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.flows.limits import WIDEST
from services.cards.domain.vocabulary import Card, PersonId
from tests.unit.cards.games import ANNA, BAO, OPENS_MS, SPRING, arrived
from tests.unit.cards.test_friend_sink import ListedShard

CHEN = PersonId(3)
REQUEST = bytes(16)


class Social:
    """All are friends; while it is asked, something happens."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.asked: list[tuple[PersonId, PersonId]] = []
        self.meanwhile = meanwhile

    async def are_friends(self, pairs: Sequence[tuple[PersonId, PersonId]]) -> Sequence[bool]:
        self.asked.extend(pairs)
        self.meanwhile()
        return [True] * len(pairs)


def a_desk(social: Social, now_ms: Callable[[], int] = lambda: OPENS_MS) -> ExchangeDesk:
    nobody = cast("Any", None)
    return ExchangeDesk(social, nobody, 1, now_ms, 3_600_000, WIDEST, UnderWay(entries_max=10))


async def test_an_ask_in_the_millisecond_of_the_opening_is_judged_at_one_moment() -> None:
    times_ms = iter([OPENS_MS - 1, *[OPENS_MS] * 9])
    social = Social()
    desk, shard = a_desk(social, lambda: next(times_ms)), ListedShard()
    wish = desk.wish(ANNA, BAO, Card.HARMONY, REQUEST)
    with pytest.raises(GameNotOpen):
        await desk.open_ask(shard, SPRING, wish)
    assert (await desk.open_ask(shard, SPRING, wish)).state is ExchangeState.OPEN
    assert social.asked == [wish.pair]


async def test_a_card_that_arrives_while_others_are_asked_about_can_be_offered() -> None:
    shard = ListedShard()
    game = shard.state.game(SPRING)
    arrived(game, ANNA, Card.HARMONY)
    social = Social(lambda: arrived(game, BAO, Card.HARMONY))
    desk = a_desk(social)
    wishes = [desk.wish(giver, CHEN, Card.HARMONY, REQUEST) for giver in (ANNA, BAO)]
    results = await desk.offer(shard, SPRING, wishes)
    assert [type(result) for result in results] == [Exchange, Exchange]
    assert social.asked == [wish.pair for wish in wishes], "each is asked about once"
