"""Act five: guests who played as provisional people say who they are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

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


async def verify_late(stage: Stage) -> Latecomers:
    """Everybody who is not verified yet looks at what waits, verifies, and signs in anew."""
    stage.progress.act = "provisional guests verify"
    late = Latecomers()

    async def verify(player: Player) -> None:
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

    await everyone([player for player in stage.players if not player.is_verified], verify, AT_ONCE)
    return late


async def _waiting_fen(stage: Stage, player: Player) -> int:
    """What waits for the player, once all packets are there."""
    async with within(POSTING_TIMEOUT_S, f"what person {player.person_id} won does not wait for them"):
        while True:
            wallet = await stage.banking.wallet(player)
            if wallet.waiting_fen >= player.won_fen:
                return wallet.waiting_fen
            await asyncio.sleep(POLL_S)
