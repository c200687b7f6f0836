"""Brings a bank's report to the owner of the shard that it is about."""

from __future__ import annotations

from dataclasses import dataclass

from hongbao.settlement.v1 import withdrawal_events_pb2, withdrawals_pb2, withdrawals_pb2_grpc
from services.mesh.channel import ChannelFactory
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.router import ShardRouter
from services.settlement.domain.withdrawals.rail import PaymentReport, PaymentStatus
from services.settlement.settings import SettlementSettings


@dataclass(frozen=True, slots=True)
class RpcReports:
    """Calls `WithdrawalService.ReportPayment`."""

    channels: ChannelFactory
    router: ShardRouter
    settings: SettlementSettings

    async def report(self, report: PaymentReport) -> None:
        """Tells what the bank has decided. Raises what the owner answers, and `NoOwner`."""
        payment = report.payment
        paid = payment.status is PaymentStatus.PAID
        request = withdrawals_pb2.ReportPaymentRequest(
            withdrawal_id=report.withdrawal_id,
            outcome=withdrawals_pb2.PAYMENT_OUTCOME_PAID if paid else withdrawals_pb2.PAYMENT_OUTCOME_REFUSED,
            amount_fen=payment.amount_fen,
            failure=withdrawal_events_pb2.WithdrawalFailure.ValueType(payment.failure or 0),
            bank_reference=payment.bank_reference,
        )

        async def attempt(address: str, timeout_s: float) -> None:
            stub = withdrawals_pb2_grpc.WithdrawalServiceStub(self.channels.channel(address))
            await stub.ReportPayment(request, timeout=timeout_s)

        shard = shard_of(report.withdrawal_id, self.settings.settlement_shards)
        await self.router.call(shard, attempt, self.settings.withdrawal_answer_ms / 1000)
