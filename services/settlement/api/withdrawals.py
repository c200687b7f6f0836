"""Answers `WithdrawalService`: requests become decisions of the domain, withdrawals become responses."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hongbao.settlement.v1 import withdrawal_events_pb2 as events
from hongbao.settlement.v1 import withdrawals_pb2 as pb
from hongbao.settlement.v1 import withdrawals_pb2_grpc
from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint
from services.mesh.interceptors.arrival import metadata_of
from services.mesh.language import Language, accepted_languages, language_of
from services.mesh.pages import Listing
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.api.pages import page_position
from services.settlement.api.shards import OwnedShard, OwnedShards
from services.settlement.domain.withdrawals.advice import advice
from services.settlement.domain.withdrawals.commands import (
    WithdrawalLimits,
    WithdrawalRequest,
    request_withdrawal,
)
from services.settlement.domain.withdrawals.errors import PaymentContradicted, WithdrawalUnknown
from services.settlement.domain.withdrawals.rail import Payment, PaymentStatus
from services.settlement.domain.withdrawals.resolutions import resolved_of
from services.settlement.domain.withdrawals.resolving import resolve_withdrawal
from services.settlement.domain.withdrawals.values import (
    Resolution,
    ResolvedOutcome,
    Withdrawal,
    WithdrawalFailure,
    WithdrawalId,
)
from services.settlement.settings import SettlementSettings
from services.settlement.tasks.bank_word import BankWord

_PAGE_SIZE = 20
_STATUSES = {
    pb.PAYMENT_OUTCOME_PAID: PaymentStatus.PAID,
    pb.PAYMENT_OUTCOME_REFUSED: PaymentStatus.REFUSED,
}


class WithdrawalServicer(withdrawals_pb2_grpc.WithdrawalServiceServicer):
    """`hongbao.settlement.v1.WithdrawalService`, for the shards that this instance owns."""

    def __init__(
        self,
        shards: OwnedShards,
        take_up: Callable[[OwnedShard, WithdrawalId], None],
        clock: Clock,
        settings: SettlementSettings,
    ) -> None:
        """Wires the servicer.

        Args:
            shards: where the wallets are.
            take_up: has a new withdrawal brought to the bank.
            clock: tells which requests come too late.
            settings: bounds of withdrawals.
        """
        self._shards = shards
        self._take_up = take_up
        self._clock = clock
        self._settings = settings
        self._limits = WithdrawalLimits(
            settings.withdrawal_fen_min,
            settings.withdrawal_fen_max,
            settings.withdrawals_open_max,
            settings.withdrawal_ahead_ms_max,
        )

    async def RequestWithdrawal(
        self, request: pb.RequestWithdrawalRequest, context: Any
    ) -> pb.RequestWithdrawalResponse:
        """See the contract."""
        shard = self._shards.of_id(request.person_id)
        asked = WithdrawalRequest(
            request.person_id,
            request.request_id.lower(),
            request.card_id,
            request.amount_fen,
            milliseconds(request.request_ends_at),
        )
        event = request_withdrawal(shard.state, asked, self._limits, self._clock.now_ms())
        failpoint("withdrawal.decided")
        if event is not None:
            shard.commit(event, traceparent())
            self._take_up(shard, WithdrawalId(event.withdrawal.requested.withdrawal_id))
        withdrawal = shard.state.withdrawals.asked_for(asked.person_id, asked.request_id)
        assert withdrawal is not None, "what was asked for is remembered"  # noqa: S101 - an invariant
        await shard.settled()
        failpoint("withdrawal.reserved")
        return pb.RequestWithdrawalResponse(withdrawal=_message(withdrawal, _language(context)))

    async def GetWithdrawal(self, request: pb.GetWithdrawalRequest, context: Any) -> pb.GetWithdrawalResponse:
        """See the contract."""
        shard = self._shards.of_id(request.person_id)
        withdrawal = self._find(shard, request.person_id, request.withdrawal_id)
        await shard.settled()
        return pb.GetWithdrawalResponse(withdrawal=_message(withdrawal, _language(context)))

    async def ListWithdrawals(
        self, request: pb.ListWithdrawalsRequest, context: Any
    ) -> pb.ListWithdrawalsResponse:
        """See the contract."""
        shard = self._shards.of_id(request.person_id)
        of_list = Listing("withdrawals", request.person_id)
        before = page_position(of_list, request.page_token)
        newest_first = shard.state.withdrawals.of_person(request.person_id)[::-1]
        if before:
            # Nothing that is older than a withdrawal which is forgotten meanwhile is sure to be there.
            numbers = [withdrawal.withdrawal_id for withdrawal in newest_first]
            known = before in numbers
            newest_first = newest_first[numbers.index(WithdrawalId(before)) + 1 :] if known else []
        size = request.page_size or _PAGE_SIZE
        page = newest_first[:size]
        await shard.settled()
        language = _language(context)
        response = pb.ListWithdrawalsResponse(
            withdrawals=[_message(withdrawal, language) for withdrawal in page]
        )
        if len(newest_first) > size:
            response.next_page_token = of_list.token(page[-1].withdrawal_id)
        return response

    async def ReportPayment(self, request: pb.ReportPaymentRequest, context: Any) -> pb.ReportPaymentResponse:
        """See the contract."""
        shard = self._shards.of_id(request.withdrawal_id)
        number = WithdrawalId(request.withdrawal_id)
        payment = Payment(
            _STATUSES[request.outcome],
            request.amount_fen,
            WithdrawalFailure(request.failure) if request.failure else None,
            request.bank_reference,
        )
        word = BankWord(shard, self._clock, self._settings)
        outcome = await word.carry_out(number, payment, self._clock.now_ms())
        withdrawal = shard.state.withdrawals.find(number)
        if outcome is None or withdrawal is None:
            raise WithdrawalUnknown(number)
        await shard.settled()
        failpoint("withdrawal.reported")
        if outcome.contradiction:
            raise PaymentContradicted(number, outcome.contradiction)
        return pb.ReportPaymentResponse(state=events.WithdrawalState.ValueType(withdrawal.state))

    async def ResolveWithdrawal(
        self, request: pb.ResolveWithdrawalRequest, context: Any
    ) -> pb.ResolveWithdrawalResponse:
        """See the contract."""
        shard = self._shards.of_id(request.withdrawal_id)
        found = Resolution(
            request.request_id.lower(),
            ResolvedOutcome(request.outcome),
            request.operator,
            request.second_operator,
            request.reason,
            request.bank_reference,
        )
        event = resolve_withdrawal(
            shard.state,
            request.withdrawal_id,
            found,
            now_ms=self._clock.now_ms(),
            kept_ms=self._settings.withdrawals_kept_ms,
        )
        if event is not None:
            shard.commit(event, traceparent())
        withdrawal = shard.state.withdrawals.find(request.withdrawal_id)
        assert withdrawal is not None, "what was just resolved is remembered"  # noqa: S101 - an invariant
        await shard.settled()
        return pb.ResolveWithdrawalResponse(withdrawal=_message(withdrawal, _language(context)))

    def _find(self, shard: OwnedShard, person_id: int, number: int) -> Withdrawal:
        withdrawal = shard.state.withdrawals.find(number)
        if withdrawal is None or withdrawal.order.person_id != person_id:
            raise WithdrawalUnknown(number)
        return withdrawal


def _language(context: Any) -> Language:
    return language_of(accepted_languages(metadata_of(context)))


def _message(withdrawal: Withdrawal, language: Language) -> pb.Withdrawal:
    order = withdrawal.order
    message = pb.Withdrawal(
        withdrawal_id=order.withdrawal_id,
        person_id=order.person_id,
        amount_fen=order.amount_fen,
        card_id=order.card.card_id,
        card_masked=order.card.number_masked,
        bank_name=order.card.bank_name,
        state=events.WithdrawalState.ValueType(withdrawal.state),
        failure=events.WithdrawalFailure.ValueType(withdrawal.failure or 0),
        advice=advice(withdrawal).get(language, ""),
        bank_reference=withdrawal.bank_reference,
        requested_at=timestamp(withdrawal.requested_ms),
        contradiction=withdrawal.contradiction,
        resolutions=[resolved_of(withdrawal, resolution) for resolution in withdrawal.resolutions],
    )
    if withdrawal.ended_ms:
        message.ended_at.CopyFrom(timestamp(withdrawal.ended_ms))
    return message
