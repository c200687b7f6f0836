"""What happens while social is asked who is friends with whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from services.cards.domain.errors import CardsError, GameNotOpen
from services.cards.domain.exchanges.desk import ExchangeDesk
from services.cards.domain.exchanges.ending import Named
from services.cards.domain.exchanges.errors import ExchangeEnded
from services.cards.domain.exchanges.identity import exchange_key
from services.cards.domain.exchanges.limits import ReceivingLimits, UnderWay
from services.cards.domain.exchanges.machine import ExchangeAction, ExchangeKind, ExchangeState
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


class Gone:
    """Givers' shards on which every exchange has ended in another way."""

    async def end(
        self, _: object, __: object, batches: Mapping[int, Sequence[Named]], *, is_shown: bool
    ) -> Mapping[int, Sequence[CardsError]]:
        assert is_shown
        return {
            shard: [ExchangeEnded(SPRING, "x", "ACCEPTED") for _ in named] for shard, named in batches.items()
        }


@pytest.mark.parametrize(
    ("action", "is_still_counted"),
    [(ExchangeAction.ACCEPT_GIFT, False), (ExchangeAction.DECLINE_GIFT, True)],
)
async def test_declining_in_vain_leaves_what_was_accepted_counted(
    action: ExchangeAction,
    is_still_counted: bool,  # noqa: FBT001 - of the table above
) -> None:
    under_way, shard = UnderWay(entries_max=10), ListedShard()
    desk = replace(a_desk(Social()), under_way=under_way, givers=cast("Any", Gone()))
    key, place = exchange_key(ExchangeKind.GIFT, BAO, ANNA, REQUEST), (SPRING, ExchangeKind.GIFT, ANNA)
    game = shard.state.game(SPRING)
    ReceivingLimits(game, ExchangeKind.GIFT, OPENS_MS, WIDEST, under_way).check(ANNA, BAO, key)
    (answer,) = await desk.end_as_receivers(shard, SPRING, action, [(ANNA, key)])
    assert isinstance(answer, ExchangeEnded)
    assert under_way.has(place, key) == is_still_counted
