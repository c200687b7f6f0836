"""Act two: everybody taps, in timed rounds."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import events_pb2 as allocation_events
from hongbao.gateway.v1 import gateway_pb2 as gateway
from services.allocation.domain.release import WHOLE_PPM
from services.cli.gala.crowd import everyone, together, within
from services.cli.gala.evening import PACKET_MAX_FEN_2016
from services.cli.gala.people import Player
from services.cli.gala.stage import AT_ONCE, Stage
from services.cli.gala.trace import new_traceparent
from services.cli.operator import timestamp
from services.mesh.errors import ServiceError

LEAD_S = 1.5
"""Between the creation of a round and its opening: shards prepare their stocks, gateways hear of them."""
CLOSING_TIMEOUT_S = 60.0
POLL_S = 0.2
TRACED_WINS = 5
"""Taps are recorded until this many recorded ones have won: one of them is shown as the sample."""
TAPS_MIN, TAPS_MAX = 5, 60
"""Fingers are quick: what one call reports."""
THINK_S = 0.02
"""A client waits this long before it reports again after a miss."""
EARLY_S, EARLY_PAUSE_S = 0.8, 0.15
"""How long a few people tap alone, and how often: no faster than one person may in the long run."""

_CURVES = (
    allocation_events.RELEASE_CURVE_LINEAR,
    allocation_events.RELEASE_CURVE_FRONT_LOADED,
    allocation_events.RELEASE_CURVE_TABLE,
)
_WON = (gateway.TAP_OUTCOME_WON, gateway.TAP_OUTCOME_ALREADY_WON)
_OVER = (gateway.TAP_OUTCOME_CLOSED, gateway.TAP_OUTCOME_SOLD_OUT)


async def play_round(stage: Stage, number: int) -> allocation.Round:
    """Creates a round, lets everybody tap until it is over, and returns it closed, its seed revealed."""
    progress = stage.progress
    progress.round_number = number
    progress.act = f"round {number}"
    created = await _create(stage, number)
    progress.packets_left = created.packet_count
    await _until(created.opens_at.ToDatetime(UTC))
    watching = asyncio.create_task(_watch_packets(stage, created))
    try:
        await _tap_early(stage, created)
        await _tap_until_over(stage, created)
    finally:
        watching.cancel()
    closed = await _closed(stage, created)
    progress.packets_left = closed.packet_count - closed.totals.packets_won
    return closed


async def _create(stage: Stage, number: int) -> allocation.Round:
    evening = stage.evening
    curve, table_ppm = _release(number, evening.round_seconds)
    opens_at = datetime.now(UTC) + timedelta(seconds=LEAD_S)
    return await stage.operator.create_round(
        allocation.CreateRoundRequest(
            campaign_id=evening.campaign_id,
            round_id=evening.round_id(number),
            opens_at=timestamp(opens_at),
            closes_at=timestamp(opens_at + timedelta(seconds=evening.round_seconds)),
            budget_fen=evening.budget_per_round_fen,
            packet_count=evening.packets_per_round,
            packet_min_fen=1,
            packet_max_fen=PACKET_MAX_FEN_2016,
            release_curve=curve,
            release_table_ppm=table_ppm,
        )
    )


def _release(number: int, seconds: int) -> tuple[allocation_events.ReleaseCurve.ValueType, list[int]]:
    """How a round's packets come out: each round in another way, the third kind in waves of a second each."""
    curve = _CURVES[(number - 1) % len(_CURVES)]
    if curve != allocation_events.RELEASE_CURVE_TABLE:
        return curve, []
    return curve, [WHOLE_PPM * min(seconds, second // 2 * 2 + 2) // seconds for second in range(seconds)]


async def _tap_early(stage: Stage, played: allocation.Round) -> None:
    """Lets those with two accounts tap first, with both: somebody is to win twice what one wins once."""
    draw = random.Random(f"{stage.evening.seed}:{played.stock_id}:early")  # noqa: S311 - as below
    seconds = [player for player in stage.players if player.first is not None]
    firsts = [player.first for player in seconds if player.first is not None]
    opened_s = played.opens_at.ToMilliseconds() / 1000

    async def tap(player: Player) -> None:
        while datetime.now(UTC).timestamp() < opened_s + EARLY_S:
            if await _tap(stage, player, played.round_id, draw) in (*_WON, *_OVER):
                return
            await asyncio.sleep(EARLY_PAUSE_S)

    await everyone([*seconds, *firsts], tap, AT_ONCE)


async def _tap_until_over(stage: Stage, played: allocation.Round) -> None:
    draw = random.Random(f"{stage.evening.seed}:{played.stock_id}")  # noqa: S311 - a simulation, not a secret
    tapping = list(stage.players)
    draw.shuffle(tapping)
    closes_at = played.closes_at.ToDatetime(UTC)

    async def keep_tapping() -> None:
        # Each worker is a crowd of its own: whoever has not won yet goes to the back and taps again.
        while tapping and datetime.now(UTC) < closes_at:
            player = tapping.pop()
            outcome = await _tap(stage, player, played.round_id, draw)
            if outcome in _OVER:
                # A player's own shard may be sold out while others are not: this one is done.
                continue
            if outcome not in _WON:
                tapping.insert(draw.randrange(len(tapping) + 1), player)
                await asyncio.sleep(THINK_S)

    await together(keep_tapping() for _ in range(AT_ONCE))


async def _tap(
    stage: Stage, player: Player, round_id: str, draw: random.Random
) -> gateway.TapOutcome.ValueType:
    progress = stage.progress
    taps = draw.randint(TAPS_MIN, TAPS_MAX)
    traceparent, trace_id = "", ""
    if len(stage.sampled_wins) < TRACED_WINS:
        traceparent, trace_id = new_traceparent()
    answer = await stage.phones.tap(player, round_id, taps, traceparent)
    player.has_tapped = True
    progress.taps += taps
    progress.tap_calls += 1
    if answer.outcome in _WON and round_id not in player.packets_fen:
        # An answer that was lost on the way comes back as ALREADY_WON when the app asks again.
        player.packets_fen[round_id] = answer.amount_fen
        progress.packets_won += 1
        progress.won_fen += answer.amount_fen
        if trace_id:
            stage.sampled_wins.append(trace_id)
    return answer.outcome


async def _watch_packets(stage: Stage, played: allocation.Round) -> None:
    while True:
        try:
            stocks = [await stage.operator.stock(played.stock_id, part.shard) for part in played.parts]
        except ServiceError:
            # Only a figure on the screen: what is wrong with the round is seen by those who play it.
            pass
        else:
            stage.progress.packets_left = sum(stock.state.packets_left for stock in stocks)
        await asyncio.sleep(POLL_S)


async def _closed(stage: Stage, played: allocation.Round) -> allocation.Round:
    async with within(CLOSING_TIMEOUT_S, f"{played.stock_id} is still not closed"):
        while True:
            now = await stage.operator.round(played.campaign_id, played.round_id)
            if now.phase == allocation.ROUND_PHASE_CLOSED:
                return now
            await asyncio.sleep(POLL_S)


async def _until(moment: datetime) -> None:
    await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
