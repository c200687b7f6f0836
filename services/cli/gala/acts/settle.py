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
    ledger.ACCOUNT_CODE_WAITING,
    ledger.ACCOUNT_CODE_IN_TRANSIT,
)
"""Accounts that hold a campaign's money only until somebody gets it."""


class Unsettled(ServiceError):
    """Money of the campaign still waits somewhere after a long time; the message says where."""

    kind = ErrorKind.DEADLINE
    domain = "hongbao.cli"
    reason = "UNSETTLED"


@dataclass(frozen=True, slots=True)
class EnvelopeMoney:
    """What went through envelopes on the whole mesh, fen."""

    held_fen: int
    """Out of wallets."""
    paid_fen: int
    """To people, for shares."""
    returned_fen: int
    """Back to the senders."""
    left_fen: int
    """Still in envelopes."""

    def since(self, before: EnvelopeMoney) -> EnvelopeMoney:
        """What was added to earlier figures."""
        return EnvelopeMoney(
            held_fen=self.held_fen - before.held_fen,
            paid_fen=self.paid_fen - before.paid_fen,
            returned_fen=self.returned_fen - before.returned_fen,
            left_fen=self.left_fen - before.left_fen,
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """What settlement did with a campaign's money, fen."""

    credited_fen: int
    returned_fen: int
    pool_paid_fen: int
    pool_remainder_fen: int
    pool_returned_fen: int
    envelopes: EnvelopeMoney
    """Of this evening."""


@dataclass(frozen=True, slots=True)
class LedgerMoney:
    """What became of winnings that waited, and what left wallets, as settlement has it, fen."""

    waited_fen: int
    """Went into waiting accounts."""
    arrived_fen: int
    """Of it: to wallets."""
    expired_fen: int
    """Of it: back to the sponsor, because nobody verified in time."""
    twice_fen: int
    """Of it: back to the sponsor, because the person was paid before."""
    withdrawn_fen: int
    """Out of wallets, by way of the bank; on the whole mesh."""
    compensated_fen: int
    """To wallets, for disputes; on the whole mesh."""


async def settled(stage: Stage, before: EnvelopeMoney, shares_fen: int) -> Settled:
    """Waits until no account holds money of the campaign that is for someone else. Raises `Unsettled`.

    `before` is what had gone through envelopes before the evening, `shares_fen` what people were told since.
    """
    stage.progress.act = "the ledger settles"
    campaign_id = stage.evening.campaign_id
    try:
        async with asyncio.timeout(SETTLING_TIMEOUT_S):
            while True:
                books = await stage.operator.books()
                figures = figures_of(books, campaign_id, before)
                stage.progress.settled_fen = figures.credited_fen + figures.pool_paid_fen
                if not waiting_fen(books, campaign_id) and figures.envelopes.paid_fen >= shares_fen:
                    return figures
                await asyncio.sleep(POLL_S)
    except TimeoutError as failure:
        books = await stage.operator.books()
        waiting = waiting_fen(books, campaign_id)
        unpaid_fen = shares_fen - figures_of(books, campaign_id, before).envelopes.paid_fen
        places = [f"{amount_fen} fen in {code}" for code, amount_fen in waiting.items()]
        places += [f"{unpaid_fen} fen to pay for shares"] if unpaid_fen else []
        raise Unsettled(
            f"after {SETTLING_TIMEOUT_S:.0f} s there are still {', '.join(places)}; see `hongbao books`"
        ) from failure


async def wallets_fen(stage: Stage) -> int:
    """Asks every player for their balance, and adds up; a second account has the first one's wallet."""
    balances: list[int] = []

    async def ask(player: Player) -> None:
        balances.append(await stage.phones.balance_fen(player))

    await everyone([player for player in stage.players if player.first is None], ask, AT_ONCE)
    return sum(balances)


def money_of(books: Sequence[settlement.ShardBooks], campaign_id: str) -> LedgerMoney:
    """What waited of a campaign's winnings, and what left wallets or came back on the whole mesh."""

    def total_fen(code: ledger.TransferCode.ValueType) -> int:
        return _transferred_fen(books, code, campaign_id)

    entered_fen = sum(
        total.credits_fen
        for shard in books
        for total in shard.account_totals
        if total.code == ledger.ACCOUNT_CODE_WAITING and total.campaign_id == campaign_id
    )
    compensations = (ledger.TRANSFER_CODE_COMPENSATION, ledger.TRANSFER_CODE_REVERSAL)
    return LedgerMoney(
        waited_fen=entered_fen - total_fen(ledger.TRANSFER_CODE_WAITING_MERGED),
        arrived_fen=total_fen(ledger.TRANSFER_CODE_WAITING_PAID),
        expired_fen=total_fen(ledger.TRANSFER_CODE_WAITING_EXPIRED),
        twice_fen=total_fen(ledger.TRANSFER_CODE_WAITING_DUPLICATE),
        withdrawn_fen=sum(shard.withdrawals.withdrawn_fen for shard in books),
        compensated_fen=sum(
            total.amount_fen
            for shard in books
            for total in shard.transfer_totals
            if total.code in compensations
        ),
    )


def envelope_money(books: Sequence[settlement.ShardBooks]) -> EnvelopeMoney:
    """What went through envelopes so far; they belong to people, not to a campaign."""
    return EnvelopeMoney(
        held_fen=_transferred_fen(books, ledger.TRANSFER_CODE_ENVELOPE_HOLD, ""),
        paid_fen=_transferred_fen(books, ledger.TRANSFER_CODE_ENVELOPE_SHARE, ""),
        returned_fen=_transferred_fen(books, ledger.TRANSFER_CODE_ENVELOPE_RETURN, ""),
        left_fen=sum(
            total.credits_fen - total.debits_fen
            for shard in books
            for total in shard.account_totals
            if total.code == ledger.ACCOUNT_CODE_ENVELOPE
        ),
    )


def figures_of(books: Sequence[settlement.ShardBooks], campaign_id: str, before: EnvelopeMoney) -> Settled:
    """Adds up a campaign's transfers over all shards, by what they were for."""

    def total_fen(code: ledger.TransferCode.ValueType) -> int:
        return _transferred_fen(books, code, campaign_id)

    return Settled(
        credited_fen=total_fen(ledger.TRANSFER_CODE_PACKET),
        returned_fen=total_fen(ledger.TRANSFER_CODE_ROUND_RETURN),
        pool_paid_fen=total_fen(ledger.TRANSFER_CODE_POOL_PRIZE),
        pool_remainder_fen=total_fen(ledger.TRANSFER_CODE_POOL_REMAINDER),
        pool_returned_fen=total_fen(ledger.TRANSFER_CODE_POOL_RETURN),
        envelopes=envelope_money(books).since(before),
    )


def waiting_fen(books: Sequence[settlement.ShardBooks], campaign_id: str) -> dict[str, int]:
    """The money that still waits, fen, by the code of the account that holds it.

    Of the campaign, and of shares on their way between shards, which belong to none.
    """
    waiting: dict[str, int] = {}
    for shard in books:
        for total in shard.account_totals:
            is_share = total.code == ledger.ACCOUNT_CODE_IN_TRANSIT and not total.campaign_id
            if is_share or (total.code in _HOLDING and total.campaign_id == campaign_id):
                name = ledger.AccountCode.Name(total.code)
                waiting[name] = waiting.get(name, 0) + total.credits_fen - total.debits_fen
    return {name: amount_fen for name, amount_fen in waiting.items() if amount_fen}


def _transferred_fen(
    books: Sequence[settlement.ShardBooks], code: ledger.TransferCode.ValueType, campaign_id: str
) -> int:
    return sum(
        total.amount_fen
        for shard in books
        for total in shard.transfer_totals
        if total.code == code and total.campaign_id == campaign_id
    )
