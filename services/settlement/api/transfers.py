"""Answers `TransferService`: requests become decisions of the domain, its values become responses."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from typing import Any

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import transfer_events_pb2 as facts
from hongbao.settlement.v1 import transfers_pb2 as pb
from hongbao.settlement.v1 import transfers_pb2_grpc
from services.mesh.clock import Clock
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.api.request_ends import check_end
from services.settlement.api.shards import OwnedShard, OwnedShards
from services.settlement.domain import accounts
from services.settlement.domain.errors import TransfersRemembered, TransferUnknown
from services.settlement.domain.freezing import freeze_account
from services.settlement.domain.transfer_items import ItemResult, TransferItem, TransferRequest
from services.settlement.domain.transfer_requests import decide_transfers
from services.settlement.domain.transfers import TransferCode, TransferPhase
from services.settlement.settings import SettlementSettings


class TransferServicer(transfers_pb2_grpc.TransferServiceServicer):
    """`hongbao.settlement.v1.TransferService`, for the shards that this instance owns."""

    def __init__(self, shards: OwnedShards, clock: Clock, settings: SettlementSettings) -> None:
        """Wires the servicer.

        Args:
            shards: where the accounts are.
            clock: tells which requests come too late, and which pending transfers have expired.
            settings: bounds of what is remembered.
        """
        self._shards = shards
        self._clock = clock
        self._settings = settings

    async def CreateTransfers(
        self, request: pb.CreateTransfersRequest, context: Any
    ) -> pb.CreateTransfersResponse:
        """See the contract."""
        shard = self._shards.numbered(request.shard)
        now_ms = self._clock.now_ms()
        asked = TransferRequest(
            [_item(item) for item in request.items], milliseconds(request.request_ends_at), request.operator
        )
        check_end(asked.ends_ms, now_ms, self._settings)
        decision = decide_transfers(shard.state, asked, now_ms)
        self._check_room(shard, len(decision.transfers), now_ms)
        event = decision.event(asked)
        if event is not None:
            shard.commit(event, traceparent())
        # Also without an event: what exists must not be answered before it is on record.
        await shard.settled()
        return pb.CreateTransfersResponse(
            results=[
                _result(item.transfer_id, result)
                for item, result in zip(asked.items, decision.results, strict=True)
            ]
        )

    async def GetTransfer(self, request: pb.GetTransferRequest, context: Any) -> pb.GetTransferResponse:
        """See the contract."""
        shard = self._shards.numbered(request.shard)
        known = shard.state.requested.find(request.transfer_id.lower())
        if known is None:
            raise TransferUnknown(
                f"no transfer {request.transfer_id} is remembered", transfer_id=request.transfer_id
            )
        response = pb.GetTransferResponse(
            transfer=known.transfer,
            seq=known.seq,
            posted_at=timestamp(known.time_ms),
            operator=known.operator,
        )
        pending = shard.state.ledger.pendings.find(known.transfer.transfer_id)
        if pending is not None:
            response.end = events.PendingEnd.ValueType(pending.end or 0)
            response.posted_fen = pending.posted_fen
        await shard.settled()
        return response

    async def FreezeAccount(self, request: pb.FreezeAccountRequest, context: Any) -> pb.FreezeAccountResponse:
        """See the contract."""
        shard = self._shards.numbered(accounts.shard_of_account(request.account_id, self._shards.count))
        decided = facts.AccountFrozen(
            account_id=request.account_id,
            frozen=request.frozen,
            reason=request.reason,
            operator=request.operator,
            request_id=request.request_id,
        )
        event = freeze_account(shard.state, decided)
        if event is not None:
            shard.commit(event, traceparent())
        response = pb.FreezeAccountResponse(frozen=request.account_id in shard.state.ledger.frozen)
        await shard.settled()
        return response

    def _check_room(self, shard: OwnedShard, transfers: int, now_ms: int) -> None:
        """Raises `TransfersRemembered` when the shard cannot remember so many more."""
        requested, remembered_max = shard.state.requested, self._settings.transfers_remembered_max
        if len(requested) + transfers > remembered_max and requested.forgettable(now_ms):
            # They are forgotten with the next event, and there may be no other.
            shard.commit(events.SettlementEvent())
        if len(requested) + transfers > remembered_max:
            raise TransfersRemembered(
                f"{len(requested)} transfers are remembered, and no more than {remembered_max} may be",
                remembered=len(requested),
                remembered_max=remembered_max,
            )


def _item(item: pb.TransferItem) -> TransferItem:
    return TransferItem(
        transfer_id=item.transfer_id.lower(),
        debit=item.debit_account_id,
        credit=item.credit_account_id,
        amount_fen=item.amount_fen,
        code=TransferCode(item.code) if item.code else None,
        campaign_id=item.campaign_id,
        source_reference=item.source_reference,
        linked=item.linked,
        phase=TransferPhase(item.phase or TransferPhase.SINGLE),
        pending_id=item.pending_id.lower(),
        timeout_ms=item.timeout_ms,
    )


def _result(transfer_id: str, result: ItemResult) -> pb.TransferResult:
    return pb.TransferResult(
        transfer_id=transfer_id,
        status=pb.TransferStatus.ValueType(result.status),
        account_id=result.account_id,
        available_fen=result.available_fen,
    )
