"""The card game: opened before friends are made, watched all along, decided at the deadline."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as cards_events
from hongbao.gateway.v1 import gateway_pb2 as gateway
from services.cli.gala.acts.exchanges import ALL_CARDS, Traded, trade_cards
from services.cli.gala.crowd import everyone, within
from services.cli.gala.evening import SPONSOR_ID, WHOLE_PPM, Evening
from services.cli.gala.people import Player
from services.cli.gala.stage import AT_ONCE, Stage
from services.cli.operator import timestamp
from services.mesh.background import start_background
from services.mesh.errors import ServiceError

DECISION_TIMEOUT_S = 60.0
ARRIVAL_TIMEOUT_S = 60.0
"""The longest that cards which were under way at the deadline may take to their hands, seconds."""
POLL_S = 0.2
FIGURES_POLL_S = 0.5
_LAST_MOMENTS = 0.25
"""The share of the time for cards that is kept for completing sets."""


@dataclass(frozen=True, slots=True)
class GameTimes:
    """How long the parts of a game take, seconds, from its opening to its deadline."""

    friends_s: float
    """While friends are made."""
    rounds_s: float
    """While people tap."""
    trading_s: float
    """While people share, and give and complete cards."""

    @property
    def deadline_s(self) -> float:
        """From opening to deadline."""
        return self.friends_s + self.rounds_s + self.trading_s


async def open_game(stage: Stage, times: GameTimes) -> cards.Game:
    """Funds the pool and opens the game; sets can be completed until the deadline, to the millisecond."""
    evening = stage.evening
    now = datetime.now(UTC)
    return await stage.operator.create_game(
        cards.CreateGameRequest(
            campaign_id=evening.campaign_id,
            sponsor_id=SPONSOR_ID,
            pool_fen=evening.pool_fen,
            supply=supply_plan(evening, times),
            opens_at=timestamp(now),
            deadline=timestamp(now + timedelta(seconds=times.deadline_s)),
            share_mode=cards_events.SHARE_MODE_LUCKY if evening.lucky else cards_events.SHARE_MODE_EQUAL,
        )
    )


def supply_plan(evening: Evening, times: GameTimes) -> cards_events.SupplyPlan:
    """What the game may issue, released while people make friends and tap."""
    limits = [
        cards_events.CardLimit(card=cards_events.Card.Value(f"CARD_{name}"), issue_limit=limit)
        for name, limit in evening.card_limits.items()
    ]
    quotas = [
        cards_events.SourceQuota(
            source=cards_events.CardSource.Value(f"CARD_SOURCE_{name}"), card_quota=quota
        )
        for name, quota in evening.card_quotas.items()
    ]
    points = [
        cards_events.ReleasePoint(released_ppm=evening.friends_release_ppm // 4),
        cards_events.ReleasePoint(
            offset_ms=round(times.friends_s * 1000), released_ppm=evening.friends_release_ppm
        ),
        cards_events.ReleasePoint(
            offset_ms=round((times.friends_s + times.rounds_s) * 1000), released_ppm=WHOLE_PPM
        ),
    ]
    return cards_events.SupplyPlan(
        card_limits=limits,
        source_quotas=quotas,
        release_curve=cards_events.ReleaseCurve(points=points),
        expected_deals=evening.deals_expected,
    )


@asynccontextmanager
async def figures_shown(stage: Stage) -> AsyncIterator[None]:
    """Keeps the screen up to date on the game, as anybody's app can, while the body runs."""
    watching = start_background(_watch_figures(stage), "figures")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def give_and_complete(stage: Stage, game: cards.Game) -> Traded:
    """Friends give and ask for cards; whoever has all five completes, until the deadline."""
    stage.progress.act = "people give and complete cards"
    deadline = game.deadline.ToDatetime(UTC)
    hands = await look_at_hands(stage)
    left_s = (deadline - datetime.now(UTC)).total_seconds()
    stop_giving_at = deadline - timedelta(seconds=left_s * _LAST_MOMENTS)
    traded = await trade_cards(stage, hands, lambda: datetime.now(UTC) < stop_giving_at)
    complete = [
        player
        for player in stage.players
        # A person completes one set, whatever the number of accounts.
        if player.first is None and all(hands[player.number][card] for card in ALL_CARDS)
    ]
    await everyone(complete, lambda player: _spend(stage, player, deadline), AT_ONCE)
    return traded


async def decided(stage: Stage, game: cards.Game) -> cards.Game:
    """Waits for the deadline and for the decision on the pool; returns the closed game."""
    stage.progress.act = "the deadline comes and the pool is shared"
    await asyncio.sleep(max(0.0, (game.deadline.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()))
    async with within(DECISION_TIMEOUT_S, "the card game is still not closed"):
        while True:
            now = await stage.operator.game(game.campaign_id)
            if now.phase == cards.GAME_PHASE_CLOSED:
                return now
            await asyncio.sleep(POLL_S)


async def arrived(stage: Stage) -> gateway.GetFiguresResponse:
    """Waits until no card is under way any more, and returns the last figures of the game."""
    async with within(ARRIVAL_TIMEOUT_S, "cards of the game that is over are still under way"):
        while True:
            now = await stage.trading.figures(stage.players[0])
            is_last = now.phase == gateway.GAME_PHASE_CLOSED
            if is_last and not any(card.in_transit or card.offered for card in now.cards):
                _show(stage, now)
                return now
            await asyncio.sleep(POLL_S)


async def look_at_hands(stage: Stage) -> dict[int, Counter[int]]:
    """What everybody holds, asked one by one; a second account has the first one's hand."""
    hands: dict[int, Counter[int]] = {}

    async def look(player: Player) -> None:
        hands[player.number] = await stage.trading.hand(player)

    await everyone([player for player in stage.players if player.first is None], look, AT_ONCE)
    return hands


async def _spend(stage: Stage, player: Player, deadline: datetime) -> None:
    # A gift travels between shards; the set can be completed once the last card has arrived.
    while datetime.now(UTC) < deadline:
        try:
            await stage.trading.complete_set(player)
        except ServiceError as error:
            if error.reason != "SET_INCOMPLETE":
                if error.reason == "DEADLINE_PASSED":
                    return
                raise
            await asyncio.sleep(POLL_S)
        else:
            return


async def _watch_figures(stage: Stage) -> None:
    while True:
        try:
            now = await stage.trading.figures(stage.players[0])
        except ServiceError:
            # Only figures on the screen: what is wrong with the game is seen by those who play it.
            pass
        else:
            _show(stage, now)
        await asyncio.sleep(FIGURES_POLL_S)


def _show(stage: Stage, now: gateway.GetFiguresResponse) -> None:
    progress = stage.progress
    progress.cards_left = sum(card.left for card in now.cards)
    progress.cards_dealt = sum(card.limit - card.left for card in now.cards)
    progress.sets_completed = now.sets_completed
    progress.share_fen = (now.share_low_fen, now.share_expected_fen, now.share_high_fen)
