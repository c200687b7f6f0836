from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cards.adapters.figures_board import FiguresBoard
from services.cards.domain.errors import GameUnknown
from services.cards.domain.events import GameCreated
from services.cards.domain.ports import OwnedShard, Peers
from services.cards.domain.sets.figures import GameFigures, ShardFigures, gather_figures
from services.cards.domain.shard import CardsShard
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CampaignId
from services.mesh.clock import ManualClock
from tests.unit.cards.games import DEADLINE_MS, OPENS_MS, SEED, SPRING, an_order

SUPPLY = SupplyPlan(limits=(100, 100, 100, 100, 10), quotas=(200, 200, 0, 0))
ORDER = an_order(SUPPLY, pool_fen=1_000)
HALF_MS = (OPENS_MS + DEADLINE_MS) // 2


def a_shard(sets: int = 0, issued: int = 8, sets_recent: int = 0) -> ShardFigures:
    return ShardFigures(
        issued=(issued,) * 5,
        held=(issued - sets,) * 5,
        offered=(0,) * 5,
        spent=(sets,) * 5,
        dealt_by_source=(0, 5 * issued, 0, 0, 0),
        holder_count=2,
        sets_completed=sets,
        sets_recent=sets_recent,
        recent_ms=600_000,
    )


def figures(*shards: ShardFigures, now_ms: int = HALF_MS) -> GameFigures:
    return gather_figures(ORDER, None, shards, now_ms)


def test_figures_add_up_what_the_shards_say() -> None:
    told = figures(a_shard(sets=1), a_shard(issued=2))
    rare = told.cards[-1]
    assert (rare.issue_limit, rare.issued, rare.left, rare.held, rare.spent) == (10, 10, 0, 9, 1)
    assert [(source.card_quota, source.dealt) for source in told.sources[:2]] == [(200, 0), (200, 50)]
    assert (told.holder_count, told.sets_completed) == (4, 1)


@given(st.lists(st.tuples(*[st.integers(0, 50)] * 5), min_size=1, max_size=4))
def test_every_card_of_a_screen_is_in_exactly_one_place(shards: list[tuple[int, ...]]) -> None:
    """However the shards were asked, moments apart: what none of them has is between two."""
    told = figures(
        *(
            ShardFigures(
                (issued,) * 5, (held,) * 5, (offered,) * 5, (spent,) * 5, (0,) * 5, 0, spent, recent, 1
            )
            for issued, held, offered, spent, recent in shards
        )
    )
    for place in told.cards:
        assert place.issued == place.held + place.offered + place.in_transit + place.spent
        assert place.issue_limit == place.issued + place.left


def test_the_share_is_at_least_the_pool_by_as_many_sets_as_the_scarcest_card_allows() -> None:
    forecast = figures(a_shard(sets=2, issued=8)).forecast
    assert forecast.sets_max == 10
    assert forecast.share_fen(forecast.sets_max) == 100
    assert forecast.share_fen(forecast.sets_completed) == 500


def test_cards_that_no_source_may_deal_any_more_complete_nothing() -> None:
    dealt_out = ShardFigures((4,) * 5, (4,) * 5, (0,) * 5, (0,) * 5, (200, 197, 0, 0, 0), 1, 0, 0, 600_000)
    assert figures(dealt_out).forecast.sets_max == 7


def test_sets_are_expected_to_go_on_as_lately_and_never_beyond_what_is_possible() -> None:
    # Half of the game is over: as many again in the other half.
    assert figures(a_shard(sets=3, sets_recent=3)).forecast.sets_expected == 6
    assert figures(a_shard(sets=8, sets_recent=8)).forecast.sets_expected == 10


def test_from_the_deadline_on_the_share_is_certain() -> None:
    forecast = figures(a_shard(sets=3, sets_recent=3), now_ms=DEADLINE_MS).forecast
    assert forecast.sets_max == forecast.sets_expected == forecast.sets_completed == 3


def test_before_anybody_has_completed_the_share_may_be_the_whole_pool() -> None:
    forecast = figures(a_shard(), now_ms=OPENS_MS - 1).forecast
    assert forecast.share_fen(forecast.sets_completed) == 1_000
    assert forecast.sets_expected == 0


class CountingPeers:
    """Shards that answer when they are let."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: GameUnknown | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def figures(self, _campaign_id: CampaignId, shards: Sequence[int]) -> Sequence[ShardFigures]:
        self.asked += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [a_shard(sets=self.asked) for _ in shards]


class Home:
    """The home shard, of which little is asked here."""

    def __init__(self) -> None:
        self.state = CardsShard(0)

    async def settled(self) -> None:
        pass


GAME = GameCreated(ORDER, SEED, shard_count=1)


def a_board(peers: CountingPeers, clock: ManualClock) -> FiguresBoard:
    return FiguresBoard(cast("Peers", peers), clock, max_age_ms=500)


async def look(board: FiguresBoard) -> GameFigures:
    home: Any = Home()
    return await board.figures(cast("OwnedShard", home), GAME)


async def test_however_many_screens_look_the_shards_are_asked_once_in_a_while() -> None:
    peers, clock = CountingPeers(), ManualClock(HALF_MS)
    board = a_board(peers, clock)
    peers.gate.clear()
    screens = [asyncio.ensure_future(look(board)) for _ in range(200)]
    await asyncio.sleep(0)
    peers.gate.set()
    assert len({told.sets_completed for told in await asyncio.gather(*screens)}) == 1
    await clock.advance(0.499)
    await look(board)
    assert peers.asked == 1
    await clock.advance(0.001)
    assert (await look(board)).sets_completed == 2
    assert peers.asked == 2


async def test_while_a_shard_is_silent_all_who_look_wait_for_it_once() -> None:
    peers, clock = CountingPeers(), ManualClock(HALF_MS)
    board = a_board(peers, clock)
    before = await look(board)
    await clock.advance(10)
    peers.gate.clear()
    peers.error = GameUnknown(SPRING)
    screens = [asyncio.ensure_future(look(board)) for _ in range(50)]
    await asyncio.sleep(0)
    await clock.advance(5)
    peers.gate.set()
    assert await asyncio.gather(*screens) == [before] * 50
    assert peers.asked == 2


async def test_while_a_shard_changes_its_owner_screens_go_on_with_what_is_known() -> None:
    peers, clock = CountingPeers(), ManualClock(HALF_MS)
    board = a_board(peers, clock)
    before = await look(board)
    peers.error = GameUnknown(SPRING)
    await clock.advance(10)
    assert await look(board) == before
    peers.error = None
    await clock.advance(10)
    assert (await look(board)).read_at_ms == before.read_at_ms + 20_000


async def test_a_game_that_never_came_through_has_no_figures() -> None:
    peers = CountingPeers()
    peers.error = GameUnknown(SPRING)
    with pytest.raises(GameUnknown):
        await look(a_board(peers, ManualClock(HALF_MS)))
