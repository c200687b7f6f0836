"""People take money out while settlement dies, and what bank and books must say at the end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from hongbao.settlement.v1 import (
    events_pb2,
    settlement_pb2,
    settlement_pb2_grpc,
    transfers_pb2,
    transfers_pb2_grpc,
    withdrawal_events_pb2,
    withdrawals_pb2,
    withdrawals_pb2_grpc,
)
from services.cli.proofs.books import proof_of
from services.mesh.timestamps import timestamp
from tests.integration.crashes.crash_mesh import PATIENCE_S, CrashMesh

T = TypeVar("T")
WITHDRAWALS = [
    "withdrawal.decided@2",
    "withdrawal.reserved@2",
    "withdrawal.taken@2",
    "withdrawal.submitting@2",
    "withdrawal.answered@2",
    "withdrawal.queried@2",
    "withdrawal.ended@2",
    "withdrawal.reported@2",
]
"""Where settlement dies while money leaves."""
SETTINGS = {
    # A bank at which a third of everything goes wrong, and whose cut-off is near.
    "HONGBAO_BANK_FAULTS_PERCENT": "30",
    "HONGBAO_BANK_LATENCY_MS": "2",
    "HONGBAO_BANK_DECIDES_MS": "200",
    "HONGBAO_BANK_LATE_MS": "600",
    "HONGBAO_BANK_REPORT_POLL_MS": "20",
    "HONGBAO_WITHDRAWAL_ANSWER_MS": "300",
    "HONGBAO_WITHDRAWAL_ORDER_MS": "500",
    "HONGBAO_WITHDRAWAL_CUT_OFF_MS": "500",
    "HONGBAO_WITHDRAWAL_QUERY_MS_MIN": "20",
    "HONGBAO_WITHDRAWAL_QUERY_MS_MAX": "100",
}
SPONSOR = 7
PEOPLE = range(1, 25)
FUNDS_FEN = 1_000
FINAL = (
    withdrawal_events_pb2.WITHDRAWAL_STATE_SUCCEEDED,
    withdrawal_events_pb2.WITHDRAWAL_STATE_FAILED,
)


class WithdrawalPlay:
    """Calls as callers do: they ask again until they are answered, and remember what they were told."""

    def __init__(self, mesh: CrashMesh, folder: Path) -> None:
        self._mesh = mesh
        self._folder = folder
        self._ends_at = timestamp(int(time.time() * 1000) + 600_000)
        # The same ids in every run, and so the same faults.
        self._requests = {
            person_id: str(uuid.uuid5(uuid.NAMESPACE_OID, str(person_id))) for person_id in PEOPLE
        }
        self._acknowledged: dict[int, int] = {}
        """Withdrawals by person."""

    async def fund(self) -> None:
        """Everybody gets the same."""
        deposit = settlement_pb2.DepositRequest(
            request_id=str(uuid.uuid4()), sponsor_id=SPONSOR, amount_fen=FUNDS_FEN * len(PEOPLE)
        )
        await self._call(settlement_pb2_grpc.SettlementServiceStub, "Deposit", deposit)
        items = [
            transfers_pb2.TransferItem(
                transfer_id=str(uuid.uuid4()),
                debit_account_id=f"sponsor:{SPONSOR}",
                credit_account_id=f"wallet:{person_id}",
                amount_fen=FUNDS_FEN,
                code=events_pb2.TRANSFER_CODE_ADJUSTMENT,
            )
            for person_id in PEOPLE
        ]
        request = transfers_pb2.CreateTransfersRequest(
            items=items, request_ends_at=self._ends_at, operator="test"
        )
        await self._call(transfers_pb2_grpc.TransferServiceStub, "CreateTransfers", request)

    async def withdraw(self) -> None:
        """Everybody takes out another amount, all at once, and asks a second time."""
        await asyncio.gather(*(self._withdraw(person_id) for person_id in PEOPLE))

    async def expect_everything_in_its_place(self) -> None:
        """Each withdrawal ends; the bank has paid exactly those that succeeded; the books are sound."""
        ended = {person_id: await self._until_ended(person_id) for person_id in PEOPLE}
        left = {
            person_id: withdrawal
            for person_id, withdrawal in ended.items()
            if withdrawal.state == withdrawal_events_pb2.WITHDRAWAL_STATE_SUCCEEDED
        }
        assert {
            withdrawal.withdrawal_id: withdrawal.amount_fen for withdrawal in left.values()
        } == self._paid()
        assert not any(withdrawal.contradiction for withdrawal in ended.values())
        for person_id in PEOPLE:
            withdrawn_fen = left[person_id].amount_fen if person_id in left else 0
            request = settlement_pb2.GetWalletRequest(person_id=person_id)
            wallet = await self._call(settlement_pb2_grpc.SettlementServiceStub, "GetWallet", request)
            assert wallet.balance_fen == FUNDS_FEN - withdrawn_fen
        await self._expect_sound_books(sum(withdrawal.amount_fen for withdrawal in left.values()))

    async def _withdraw(self, person_id: int) -> None:
        request = withdrawals_pb2.RequestWithdrawalRequest(
            request_id=self._requests[person_id],
            person_id=person_id,
            card_id=person_id,
            amount_fen=500 + person_id,
            request_ends_at=self._ends_at,
        )
        for _ in range(2):
            answer = await self._call(
                withdrawals_pb2_grpc.WithdrawalServiceStub, "RequestWithdrawal", request
            )
            number = answer.withdrawal.withdrawal_id
            assert self._acknowledged.setdefault(person_id, number) == number

    async def _until_ended(self, person_id: int) -> withdrawals_pb2.Withdrawal:
        request = withdrawals_pb2.GetWithdrawalRequest(
            person_id=person_id, withdrawal_id=self._acknowledged[person_id]
        )
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self._call(
                    withdrawals_pb2_grpc.WithdrawalServiceStub, "GetWithdrawal", request
                )
                if answer.withdrawal.state in FINAL:
                    withdrawal: withdrawals_pb2.Withdrawal = answer.withdrawal
                    return withdrawal
                await asyncio.sleep(0.02)

    async def _expect_sound_books(self, withdrawn_fen: int) -> None:
        request = settlement_pb2.GetShardBooksRequest(shard=0)
        answer = await self._call(settlement_pb2_grpc.SettlementServiceStub, "GetShardBooks", request)
        assert proof_of([answer.books], 1).sound
        assert answer.books.withdrawals.open == 0
        assert answer.books.withdrawals.withdrawn_fen == withdrawn_fen
        assert answer.books.withdrawals.paid_fen == withdrawn_fen

    def _paid(self) -> dict[int, int]:
        """What the bank has paid by its own account, by withdrawal."""
        with sqlite3.connect(self._folder / "bank.sqlite3") as bank:
            rows = bank.execute("SELECT withdrawal_id, amount_fen FROM bank_orders WHERE failure = 0")
            return dict(rows.fetchall())

    async def _call(self, stub: Callable[[Any], Any], method: str, request: Any) -> Any:
        async def attempt(address: str, timeout_s: float) -> Any:
            call: Awaitable[Any] = getattr(stub(self._mesh.operator.channel(address)), method)(
                request, timeout=timeout_s
            )
            return await call

        return await self._mesh.routers["settlement"].call(0, attempt, PATIENCE_S)
