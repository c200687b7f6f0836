"""Transfers that are asked for by name, on a service that crashes, while time passes."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import settlement_pb2, transfers_pb2, transfers_pb2_grpc
from services.mesh.errors import ServiceError
from services.mesh.timestamps import timestamp
from services.settlement.domain.accounts import shard_of_account
from tests.integration.settlement_mesh import SHARDS, SPONSOR, SettlementMesh

ACCOUNT = f"sponsor:{SPONSOR}"
HOME = shard_of_account(ACCOUNT, SHARDS)
BUDGET = f"budget:spring:{SPONSOR}"


def desk(mesh: SettlementMesh) -> transfers_pb2_grpc.TransferServiceAsyncStub:
    owner = mesh.map.owner(HOME)
    assert owner is not None
    return transfers_pb2_grpc.TransferServiceStub(mesh.operator.channel(owner.address))


def budgeted(mesh: SettlementMesh, amount_fen: int, lasts_ms: int = 60_000, **item: Any) -> Any:
    values: dict[str, Any] = {
        "transfer_id": str(uuid.uuid4()),
        "debit_account_id": ACCOUNT,
        "credit_account_id": BUDGET,
        "amount_fen": amount_fen,
        "code": events.TRANSFER_CODE_SPONSOR_BUDGET,
        "campaign_id": "spring",
    }
    return transfers_pb2.CreateTransfersRequest(
        shard=HOME,
        items=[transfers_pb2.TransferItem(**(values | item))],
        request_ends_at=timestamp(mesh.clock.now_ms() + lasts_ms),
        operator="li.lei",
    )


async def statuses(mesh: SettlementMesh, request: transfers_pb2.CreateTransfersRequest) -> list[str]:
    response = await desk(mesh).CreateTransfers(request)
    return [
        transfers_pb2.TransferStatus.Name(result.status).removeprefix("TRANSFER_STATUS_")
        for result in response.results
    ]


def available(mesh: SettlementMesh, amount_fen: int) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        request = settlement_pb2.GetAccountRequest(account_id=ACCOUNT)
        return (await mesh.stub(SPONSOR).GetAccount(request)).account.available_fen == amount_fen

    return is_so


async def test_a_pending_transfer_expires_by_itself_also_after_a_crash() -> None:
    async with SettlementMesh() as mesh:
        await mesh.start()
        await mesh.deposit(1000)
        reserve = budgeted(mesh, 600, phase=events.TRANSFER_PHASE_PENDING, timeout_ms=5_000)
        assert await statuses(mesh, reserve) == ["CREATED"]
        assert await available(mesh, 400)()
        await mesh.crash("a")
        await mesh.start("b", epoch=2)
        assert await statuses(mesh, reserve) == ["EXISTS"]
        assert await available(mesh, 400)()
        await mesh.until(available(mesh, 1000), "what was reserved is released")
        books = await mesh.books()
        assert books.sound
        end = desk(mesh).GetTransfer(
            transfers_pb2.GetTransferRequest(shard=HOME, transfer_id=reserve.items[0].transfer_id)
        )
        assert (await end).end == events.PENDING_END_EXPIRED


async def test_what_was_answered_outlives_a_crash_and_what_was_not_may_be_asked_again() -> None:
    async with SettlementMesh() as mesh:
        await mesh.start()
        await mesh.deposit(1000)
        request = budgeted(mesh, 600)
        assert await statuses(mesh, request) == ["CREATED"]
        await mesh.crash("a")
        await mesh.start("b", epoch=2)
        assert await statuses(mesh, request) == ["EXISTS"]
        assert await mesh.balance(BUDGET, HOME) == 600


async def test_a_shard_that_remembers_all_it_may_forgets_what_is_over_before_it_refuses() -> None:
    async with SettlementMesh(transfers_remembered_max=1) as mesh:
        await mesh.start()
        await mesh.deposit(1000)
        assert await statuses(mesh, budgeted(mesh, 1, lasts_ms=1_000)) == ["CREATED"]
        with pytest.raises(ServiceError) as refused:
            await statuses(mesh, budgeted(mesh, 1))
        assert refused.value.reason == "TRANSFERS_REMEMBERED"
        await mesh.pass_time(1.1)
        assert await statuses(mesh, budgeted(mesh, 1)) == ["CREATED"]
        assert await mesh.balance(BUDGET, HOME) == 2
