"""The act after the gifts: people take money out, one disputes an entry, and some read their statements."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hongbao.gateway.v1 import dispute_pb2, wallet_pb2
from hongbao.settlement.v1 import (
    dispute_events_pb2,
    disputes_pb2,
    disputes_pb2_grpc,
    transfers_pb2,
    transfers_pb2_grpc,
)
from hongbao.settlement.v1 import events_pb2 as ledger
from services.cli.gala.crowd import Overdue, everyone
from services.cli.gala.people import Player
from services.cli.gala.stage import AT_ONCE, Stage
from services.cli.local_mesh.layout import BANK_REFUSED_ENDING_FEN
from services.cli.operator import timestamp
from services.mesh.shards.hashing import shard_of

WITHDRAWERS_PER_100, WITHDRAWERS_MAX = 3, 24
REFUSED_EVERY = 3
"""One withdrawal in so many is of an amount that the bank refuses."""
WITHDRAWAL_FEN_MIN = 100
COMPENSATION_FEN_MAX = 100
_OPERATOR = "gala"
_WON = (wallet_pb2.ENTRY_KIND_PACKET, wallet_pb2.ENTRY_KIND_WAITING_PAID, wallet_pb2.ENTRY_KIND_POOL_PRIZE)


@dataclass(slots=True)
class Spent:
    """What people were told about their money. Amounts are fen."""

    withdrawn: int = 0
    withdrawn_fen: int = 0
    """What left for banks, as the people were told."""
    refused: int = 0
    refused_fen: int = 0
    """What banks refused: it is in the wallets again."""
    unexplained: int = 0
    """Refused withdrawals whose money did not come back, or without a reason in words."""
    compensated_fen: int = 0
    """What an operator decided to pay for a dispute."""
    statements: int = 0
    entries: int = 0
    entries_fen: int = 0
    """Openings and all entries of the statements that were read."""
    closing_fen: int = 0
    """What these wallets hold."""
    readers: list[Player] = field(default_factory=list)
    """Who reads a statement in the end."""


async def spend(stage: Stage) -> Spent:
    """Withdrawals, a dispute, statements."""
    spent = Spent()
    # Second accounts share the wallet of the first one.
    winners = sorted(
        (player for player in stage.players if player.first is None and player.packets_fen),
        key=lambda player: (-player.won_fen, player.number),
    )
    await _take_out(stage, winners, spent)
    await _dispute_one(stage, winners, spent)
    spent.readers += [player.first for player in stage.players if player.first is not None]
    await _read_statements(stage, spent)
    return spent


def wish_fen(available_fen: int, *, refused: bool) -> int:
    """What somebody takes out of a wallet: one of the amounts that the bank refuses, or another one; or 0."""
    if refused:
        wish = (available_fen - BANK_REFUSED_ENDING_FEN) // 100 * 100 + BANK_REFUSED_ENDING_FEN
    else:
        wish = available_fen // 2
        wish -= wish % 100 == BANK_REFUSED_ENDING_FEN
    return wish if WITHDRAWAL_FEN_MIN <= wish <= available_fen else 0


async def _take_out(stage: Stage, winners: Sequence[Player], spent: Spent) -> None:
    stage.progress.act = "people take money out"
    count = min(WITHDRAWERS_MAX, max(2, len(stage.players) * WITHDRAWERS_PER_100 // 100))
    solvent: list[Player] = []

    async def look(player: Player) -> None:
        # Some have sent most of it to friends.
        if (await stage.banking.wallet(player)).available_fen >= 2 * WITHDRAWAL_FEN_MIN:
            solvent.append(player)

    async def take_out(turn: tuple[int, Player]) -> None:
        number, player = turn
        before = await stage.banking.wallet(player)
        amount_fen = wish_fen(before.available_fen, refused=number % REFUSED_EVERY == 0)
        card_id = await stage.banking.bind_card(player)
        withdrawal = await stage.banking.withdraw(player, card_id, amount_fen)
        after = await stage.banking.wallet(player)
        spent.readers.append(player)
        if withdrawal.state == wallet_pb2.WITHDRAWAL_STATE_SUCCEEDED:
            spent.withdrawn += 1
            spent.withdrawn_fen += amount_fen
        else:
            spent.refused += 1
            spent.refused_fen += amount_fen
            spent.unexplained += after.available_fen < before.available_fen or not withdrawal.advice

    await everyone(winners[: 4 * count], look, AT_ONCE)
    await everyone(list(enumerate(solvent[:count])), take_out, AT_ONCE)


async def _dispute_one(stage: Stage, winners: Sequence[Player], spent: Spent) -> None:
    stage.progress.act = "an entry is disputed"
    for player in winners:
        entries, _, _ = await stage.banking.statement(player)
        entry = next((entry for entry in entries if entry.kind in _WON and entry.amount_fen > 0), None)
        if entry is not None:
            break
    else:
        return
    amount_fen = min(entry.amount_fen, COMPENSATION_FEN_MAX)
    await _fund(stage, player.person_id, amount_fen)
    dispute_id = await stage.banking.dispute(player, entry, "I had won more than that.")
    await _decide(stage, player.person_id, dispute_id, amount_fen)
    became = await stage.banking.disputed(player, dispute_id)
    if became.dispute.state != dispute_pb2.DISPUTE_STATE_PAID:
        raise Overdue(f"dispute {dispute_id} was decided and is not paid; see `hongbao disputes list`")
    spent.compensated_fen += amount_fen
    spent.readers.append(player)


async def _fund(stage: Stage, person_id: int, amount_fen: int) -> None:
    """Fills the compensation fund of the person's shard."""
    shard = shard_of(person_id, stage.settlement_shards)
    request = transfers_pb2.CreateTransfersRequest(
        shard=shard,
        operator=_OPERATOR,
        request_ends_at=timestamp(datetime.now(UTC) + timedelta(minutes=10)),
        items=[
            transfers_pb2.TransferItem(
                transfer_id=str(uuid.uuid4()),
                debit_account_id=f"bank_clearing:{shard}",
                credit_account_id=f"compensation:{shard}",
                amount_fen=amount_fen,
                code=ledger.TRANSFER_CODE_FUND_COMPENSATION,
            )
        ],
    )
    await stage.operator.at_settlement(
        shard,
        lambda channel, timeout_s: transfers_pb2_grpc.TransferServiceStub(channel).CreateTransfers(
            request, timeout=timeout_s
        ),
    )


async def _decide(stage: Stage, person_id: int, dispute_id: str, amount_fen: int) -> None:
    request = disputes_pb2.DecideDisputeRequest(
        request_id=str(uuid.uuid4()),
        dispute_id=dispute_id,
        operator=_OPERATOR,
        decision=dispute_events_pb2.DISPUTE_DECISION_PAY,
        amount_fen=amount_fen,
        reason="As a courtesy: happy new year.",
    )
    await stage.operator.at_settlement(
        shard_of(person_id, stage.settlement_shards),
        lambda channel, timeout_s: disputes_pb2_grpc.DisputeServiceStub(channel).DecideDispute(
            request, timeout=timeout_s
        ),
    )


async def _read_statements(stage: Stage, spent: Spent) -> None:
    stage.progress.act = "people read their statements"

    async def read(player: Player) -> None:
        entries, opening_fen, _ = await stage.banking.statement(player)
        wallet = await stage.banking.wallet(player)
        spent.statements += 1
        spent.entries += len(entries)
        spent.entries_fen += opening_fen + sum(entry.amount_fen for entry in entries)
        spent.closing_fen += wallet.balance_fen

    await everyone(list({player.person_id: player for player in spent.readers}.values()), read, AT_ONCE)
