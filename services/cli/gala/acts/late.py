"""Guests who played as provisional people say who they are.

Second accounts do before the last cards are given, so that these reach the person; the others afterwards.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.cli.gala.crowd import everyone, within
from services.cli.gala.people import Player
from services.cli.gala.stage import AT_ONCE, Stage

POSTING_TIMEOUT_S = 60.0
"""What was won waits in the ledger a moment later; the longest that this may take, seconds."""
POLL_S = 0.2


@dataclass(slots=True)
class Latecomers:
    """What people who verified late were told. Amounts are fen."""

    guests: int = 0
    second_accounts: int = 0
    """Of them, those who turned out to be somebody whom the mesh knew already."""
    waited_fen: int = 0
    """What waited for them when they verified."""
    twice_fen: int = 0
    """What second accounts won in rounds that their person had won with the first one, too."""
    cards_moved: Counter[int] = field(default_factory=Counter)
    """Cards that second accounts held when they verified, by kind."""
    cards_arrived: Counter[int] = field(default_factory=Counter)
    """Of them, those that were seen in the hand of the first account."""


async def join_accounts(stage: Stage, late: Latecomers, deadline: datetime) -> None:
    """People with two accounts verify the second one: what it holds goes to the hand of the first one."""
    stage.progress.act = "second accounts turn out to be of one person"

    async def join(second: Player) -> None:
        first = second.first
        if first is None:
            return
        hand, joined = await stage.trading.hand(second), await stage.trading.hand(first)
        joined.update(hand)
        await _verify(stage, late, second)
        late.cards_moved.update(hand)
        async with within(
            POSTING_TIMEOUT_S, f"the cards of a second account of {first.person_id} are not there"
        ):
            # From the deadline on nothing goes from hand to hand any more.
            while datetime.now(UTC) < deadline:
                if await stage.trading.hand(first) == joined:
                    late.cards_arrived.update(hand)
                    return
                await asyncio.sleep(POLL_S)

    await everyone([player for player in stage.players if player.first is not None], join, AT_ONCE)


async def verify_late(stage: Stage, late: Latecomers) -> None:
    """Everybody who is not verified yet looks at what waits, verifies, and signs in anew."""
    stage.progress.act = "provisional guests verify"
    unverified: Sequence[Player] = [player for player in stage.players if not player.is_verified]
    await everyone(unverified, lambda player: _verify(stage, late, player), AT_ONCE)


async def _verify(stage: Stage, late: Latecomers, player: Player) -> None:
    waiting_fen = await _waiting_fen(stage, player)
    late.guests += 1
    late.waited_fen += waiting_fen
    await stage.phones.verify(player)
    stage.progress.people_verified += 1
    first = player.first
    if first is not None:
        late.second_accounts += 1
        late.twice_fen += sum(
            amount_fen for won_in, amount_fen in player.packets_fen.items() if won_in in first.packets_fen
        )


async def _waiting_fen(stage: Stage, player: Player) -> int:
    """What waits for the player, once all packets are there."""
    async with within(POSTING_TIMEOUT_S, f"what person {player.person_id} won does not wait for them"):
        while True:
            wallet = await stage.banking.wallet(player)
            if wallet.waiting_fen >= player.won_fen:
                return wallet.waiting_fen
            await asyncio.sleep(POLL_S)
