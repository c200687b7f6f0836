"""The last act: the ledger catches up with what was won, and says what it did with every fen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hongbao.settlement.v1 import events_pb2 as ledger
from hongbao.settlement.v1 import settlement_pb2 as settlement
from services.cli.gala.crowd import everyone
from services.cli.gala.people import Player
from services.cli.gala.stage import AT_ONCE, Stage
from services.mesh.errors import ErrorKind, ServiceError

SETTLING_TIMEOUT_S = 120.0
POLL_S = 0.2
_HOLDING = (
    ledger.ACCOUNT_CODE_ESCROW,
    ledger.ACCOUNT_CODE_POOL,
    ledger.ACCOUNT_CODE_POOL_SHARE,
    ledger.ACCOUNT_CODE_IN_TRANSIT,
)
"""Accounts that hold a campaign's money only until somebody gets it."""


class Unsettled(ServiceError):
    """Money of the campaign still waits somewhere after a long time; the message says where."""

    kind = ErrorKind.DEADLINE
    domain = "hongbao.cli"
    reason = "UNSETTLED"


@dataclass(frozen=True, slots=True)
class Settled:
    """What settlement did with a campaign's money, fen."""

    credited_fen: int
    returned_fen: int
    pool_paid_fen: int
    pool_remainder_fen: int
    pool_returned_fen: int


async def settled(stage: Stage) -> Settled:
    """Waits until no account holds money of the campaign that is for someone else. Raises `Unsettled`."""
    stage.progress.act = "the ledger settles"
    campaign_id = stage.evening.campaign_id
    try:
        async with asyncio.timeout(SETTLING_TIMEOUT_S):
            while True:
                books = await stage.operator.books()
                figures = figures_of(books, campaign_id)
                stage.progress.settled_fen = figures.credited_fen + figures.pool_paid_fen
                if not waiting_fen(books, campaign_id):
                    return figures
                await asyncio.sleep(POLL_S)
    except TimeoutError as failure:
        waiting = waiting_fen(await stage.operator.books(), campaign_id)
        places = ", ".join(f"{amount_fen} fen in {code}" for code, amount_fen in waiting.items())
        raise Unsettled(
            f"after {SETTLING_TIMEOUT_S:.0f} s there are still {places}; see `hongbao books`"
        ) from failure


async def wallets_fen(stage: Stage) -> int:
    """Asks every player for their balance, and adds up."""
    balances: list[int] = []

    async def ask(player: Player) -> None:
        balances.append(await stage.phones.balance_fen(player))

    await everyone(stage.players, ask, AT_ONCE)
    return sum(balances)


def figures_of(books: Sequence[settlement.ShardBooks], campaign_id: str) -> Settled:
    """Adds up a campaign's transfers over all shards, by what they were for."""

    def total_fen(code: ledger.TransferCode.ValueType) -> int:
        return sum(
            total.amount_fen
            for shard in books
            for total in shard.transfer_totals
            if total.code == code and total.campaign_id == campaign_id
        )

    return Settled(
        credited_fen=total_fen(ledger.TRANSFER_CODE_PACKET),
        returned_fen=total_fen(ledger.TRANSFER_CODE_ROUND_RETURN),
        pool_paid_fen=total_fen(ledger.TRANSFER_CODE_POOL_PRIZE),
        pool_remainder_fen=total_fen(ledger.TRANSFER_CODE_POOL_REMAINDER),
        pool_returned_fen=total_fen(ledger.TRANSFER_CODE_POOL_RETURN),
    )


def waiting_fen(books: Sequence[settlement.ShardBooks], campaign_id: str) -> dict[str, int]:
    """The campaign's money that still waits, fen, by the code of the account that holds it."""
    waiting: dict[str, int] = {}
    for shard in books:
        for total in shard.account_totals:
            if total.code in _HOLDING and total.campaign_id == campaign_id:
                name = ledger.AccountCode.Name(total.code)
                waiting[name] = waiting.get(name, 0) + total.credits_fen - total.debits_fen
    return {name: amount_fen for name, amount_fen in waiting.items() if amount_fen}
