"""A dispute at a process of settlement: what is asked until it is answered, and what must have come of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.settlement.v1 import (
    dispute_events_pb2,
    disputes_pb2,
    disputes_pb2_grpc,
    events_pb2,
    settlement_pb2,
    transfers_pb2,
    transfers_pb2_grpc,
)
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.shards.hashing import shard_of
from services.mesh.timestamps import timestamp
from tests.integration.crashes.crash_mesh import PATIENCE_S
from tests.integration.crashes.settling_play import SettlingPlay

T = TypeVar("T")
DECIDING = ["dispute.decided", "dispute.durable", "journal.appended"]
"""Where it dies while it decides, and pays at once."""
PAYING = ["dispute.paid", "journal.appending@2"]
"""Where it dies while it pays what had to wait for the fund, whose filling is the record before."""
SHARD = 0
SPONSOR = next(key for key in range(1, 100) if shard_of(key, 2) == SHARD)
PERSON = SPONSOR
ENTRY_FEN = 500
OWED_FEN = 200
_POLL_S = 0.02


class DisputePlay(SettlingPlay):
    """Uses the process, and none of the feeds."""

    async def open(self) -> None:
        """Posts an entry, and disputes it."""
        deposit = settlement_pb2.DepositRequest(
            request_id=uuid(1), sponsor_id=SPONSOR, amount_fen=10 * ENTRY_FEN
        )
        await self._call("operator", lambda stub: stub.Deposit(deposit, timeout=PATIENCE_S))
        await self._move(2, f"sponsor:{SPONSOR}", f"wallet:{PERSON}", events_pb2.TRANSFER_CODE_ADJUSTMENT)
        request = disputes_pb2.OpenDisputeRequest(
            request_id=uuid(3),
            request_ends_at=in_a_minute(),
            person_id=PERSON,
            entry_seq=2,
            claim=dispute_events_pb2.DisputeEvidence(text="少了两元"),
        )
        await self._ask(lambda channel: _stub(channel).OpenDispute(request, timeout=PATIENCE_S))

    async def fund_compensation(self) -> None:
        """Fills the fund; the same again is the same."""
        code = events_pb2.TRANSFER_CODE_FUND_COMPENSATION
        await self._move(4, f"bank_clearing:{SHARD}", f"compensation:{SHARD}", code)

    async def decide(self) -> disputes_pb2.Dispute:
        """Decides until that is answered."""
        request = disputes_pb2.DecideDisputeRequest(
            request_id=uuid(5),
            dispute_id=(await self.dispute()).dispute_id,
            operator="wang",
            decision=dispute_events_pb2.DISPUTE_DECISION_PAY,
            amount_fen=OWED_FEN,
            reason="确实少了",
        )
        answer = await self._ask(lambda channel: _stub(channel).DecideDispute(request, timeout=PATIENCE_S))
        return answer.dispute

    async def dispute(self) -> disputes_pb2.Dispute:
        """The dispute as it stands; there is no other."""
        request = disputes_pb2.ListDisputesRequest(person_id=PERSON)
        answer = await self._ask(lambda channel: _stub(channel).ListDisputes(request, timeout=PATIENCE_S))
        assert len(answer.disputes) == 1
        return answer.disputes[0]

    async def until_paid(self) -> None:
        """Waits until the money has moved."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.dispute()).state != dispute_events_pb2.DISPUTE_STATE_PAID:  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(_POLL_S)

    async def _move(
        self, number: int, debit: str, credit: str, code: events_pb2.TransferCode.ValueType
    ) -> None:
        item = transfers_pb2.TransferItem(
            transfer_id=uuid(number),
            debit_account_id=debit,
            credit_account_id=credit,
            amount_fen=ENTRY_FEN,
            code=code,
        )
        request = transfers_pb2.CreateTransfersRequest(
            shard=SHARD, items=[item], request_ends_at=in_a_minute(), operator="zhao"
        )
        await self._ask(
            lambda channel: transfers_pb2_grpc.TransferServiceStub(channel).CreateTransfers(
                request, timeout=PATIENCE_S
            )
        )

    async def _ask(self, call: Callable[[grpc.aio.Channel], Awaitable[T]]) -> T:
        """Asks whoever serves now, until there is an answer."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return await call(self._channels["operator"].channel(self._address))
                except ServiceError as error:
                    if error.kind is not ErrorKind.UNAVAILABLE and error.reason != "SHARD_NOT_OWNED":
                        raise
                await asyncio.sleep(_POLL_S)


def in_a_minute() -> Timestamp:
    return timestamp(time.time_ns() // 1_000_000 + 60_000)


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def _stub(channel: grpc.aio.Channel) -> disputes_pb2_grpc.DisputeServiceAsyncStub:
    return disputes_pb2_grpc.DisputeServiceStub(channel)
