"""Act three: people give each other cards, complete sets, and the pool is shared at the deadline."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as cards_events
from services.cli.gala.crowd import everyone, within
from services.cli.gala.evening import CARDS, RARE_CARD, SPONSOR_ID
from services.cli.gala.people import Player
from services.cli.gala.stage import AT_ONCE, Stage
from services.cli.operator import timestamp
from services.mesh.errors import ServiceError

DECISION_TIMEOUT_S = 60.0
POLL_S = 0.2
_LAST_MOMENTS = 0.25
"""The share of the time for cards that is kept for completing sets."""
_RARE = cards_events.Card.Value(f"CARD_{RARE_CARD}")
_ALL = tuple(cards_events.Card.Value(f"CARD_{name}") for name in CARDS)


@dataclass(frozen=True, slots=True)
class Giving:
    """One card that one person gives to a friend."""

    giver: Player
    receiver: Player
    card: int


async def open_game(stage: Stage, until_deadline_s: float) -> cards.Game:
    """Funds the pool and opens the game; sets can be completed until the deadline, to the millisecond."""
    evening = stage.evening
    limits = [
        cards_events.CardLimit(card=cards_events.Card.Value(f"CARD_{name}"), issue_limit=limit)
        for name, limit in evening.card_limits.items()
    ]
    quota = cards_events.SourceQuota(
        source=cards_events.CARD_SOURCE_FRIEND, card_quota=sum(evening.card_limits.values())
    )
    now = datetime.now(UTC)
    return await stage.operator.create_game(
        cards.CreateGameRequest(
            campaign_id=evening.campaign_id,
            sponsor_id=SPONSOR_ID,
            pool_fen=evening.pool_fen,
            supply=cards_events.SupplyPlan(card_limits=limits, source_quotas=[quota]),
            opens_at=timestamp(now),
            deadline=timestamp(now + timedelta(seconds=until_deadline_s)),
        )
    )


async def give_and_complete(stage: Stage, game: cards.Game) -> None:
    """Friends help those who hold the rare card; whoever has all five completes, until the deadline."""
    stage.progress.act = "people give and complete cards"
    deadline = game.deadline.ToDatetime(UTC)
    left_s = (deadline - datetime.now(UTC)).total_seconds()
    stop_giving_at = deadline - timedelta(seconds=left_s * _LAST_MOMENTS)
    hands = await _look_at_hands(stage)
    stage.progress.cards_dealt = sum(hand.total() for hand in hands.values())
    gifts = plan_gifts(stage.players, stage.friends, hands, f"{stage.evening.seed}:gifts")

    async def give(giving: Giving) -> None:
        if datetime.now(UTC) < stop_giving_at:
            await stage.phones.give(giving.giver, giving.receiver, giving.card)
            hands[giving.receiver.number][giving.card] += 1
            stage.progress.gifts += 1

    await everyone(gifts, give, AT_ONCE)
    # A person completes one set, whatever the number of accounts.
    complete = [
        player
        for player in stage.players
        if player.first is None and all(hands[player.number][card] for card in _ALL)
    ]

    async def spend(player: Player) -> None:
        # A gift travels between shards; the set can be completed once the last card has arrived.
        while datetime.now(UTC) < deadline:
            try:
                await stage.phones.complete_set(player)
            except ServiceError as error:
                if error.reason != "SET_INCOMPLETE":
                    if error.reason == "DEADLINE_PASSED":
                        return
                    raise
                await asyncio.sleep(POLL_S)
            else:
                stage.progress.sets_completed += 1
                return

    await everyone(complete, spend, AT_ONCE)


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


def plan_gifts(
    players: Sequence[Player],
    friends: dict[int, list[Player]],
    hands: dict[int, Counter[int]],
    seed: str,
) -> list[Giving]:
    """Who gives what: friends without the rare card give away what completes the set of one who has it."""
    draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    spare = {number: Counter(hand) for number, hand in hands.items()}
    hopeful = [player for player in players if hands[player.number][_RARE]]
    draw.shuffle(hopeful)
    for player in hopeful:
        # What a hopeful person gives away is at most a second card of a kind.
        spare[player.number] = Counter({card: count - 1 for card, count in hands[player.number].items()})
    gifts = []
    for player in hopeful:
        for card in _ALL:
            if hands[player.number][card]:
                continue
            giver = next(
                (friend for friend in friends.get(player.number, []) if spare[friend.number][card] > 0), None
            )
            if giver is not None:
                spare[giver.number][card] -= 1
                gifts.append(Giving(giver, player, card))
    return gifts


async def _look_at_hands(stage: Stage) -> dict[int, Counter[int]]:
    hands: dict[int, Counter[int]] = {}

    async def look(player: Player) -> None:
        hands[player.number] = await stage.phones.hand(player)

    await everyone(stage.players, look, AT_ONCE)
    return hands
