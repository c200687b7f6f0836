"""What a person asks for: decided against a shard's state, answered with the event to commit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.errors import RequestIdReused, WalletInsufficient
from services.settlement.domain.freezing import check_not_frozen
from services.settlement.domain.leaving import check_may_leave
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfers import TransferStatus
from services.settlement.domain.withdrawals import records
from services.settlement.domain.withdrawals.errors import (
    CardNotBound,
    WithdrawalAmountOutOfRange,
    WithdrawalEndsTooFar,
    WithdrawalLimitReached,
    WithdrawalTooLate,
)
from services.settlement.domain.withdrawals.values import (
    BankCard,
    WithdrawalOrder,
    withdrawal_id_of,
)


@dataclass(frozen=True, slots=True)
class WithdrawalLimits:
    """What a withdrawal may be."""

    amount_fen_min: int
    amount_fen_max: int
    open_max: int
    """Open withdrawals of one person."""
    ahead_ms_max: int
    """How far ahead a request's end may be, milliseconds."""


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """What a person asks for, as it came."""

    person_id: int
    request_id: str
    card_id: int
    amount_fen: int
    request_ends_ms: int


def request_withdrawal(
    state: SettlementState, request: WithdrawalRequest, limits: WithdrawalLimits, now_ms: int
) -> pb.SettlementEvent | None:
    """The event that reserves the money; None when the same was asked for before.

    Raises `RequestIdReused`, `WalletInsufficient`, `AccountFrozen`, the errors of this package, and those of
    `check_may_leave`.
    """
    known = state.withdrawals.asked_for(request.person_id, request.request_id)
    if known is not None:
        order = known.order
        same = WithdrawalRequest(
            order.person_id, order.request_id, order.card.card_id, order.amount_fen, order.request_ends_ms
        )
        if same == request:
            return None
        raise RequestIdReused("the request id was used for another withdrawal", request_id=request.request_id)
    # Whatever is bound now, a repeat of a forgotten request must hear first that it is too late.
    order = WithdrawalOrder(
        withdrawal_id_of(request.person_id, request.request_id, request.request_ends_ms, state.shard_count),
        request.person_id,
        request.amount_fen,
        BankCard(request.card_id),
        request.request_id,
        request.request_ends_ms,
    )
    if state.withdrawals.too_late(order.request_ends_ms, now_ms):
        raise WithdrawalTooLate(order)
    _check_limits(state, order, limits, now_ms)
    event = records.requested(_with_card(state, order), state.shard)
    verdict = state.check(event)
    if verdict.status in {TransferStatus.DEBIT_ACCOUNT_UNKNOWN, TransferStatus.DEBIT_WOULD_GO_NEGATIVE}:
        raise WalletInsufficient(
            f"{verdict.balance_fen} fen are available, {order.amount_fen} fen are needed",
            person_id=order.person_id,
            available_fen=verdict.balance_fen,
            needed_fen=order.amount_fen,
        )
    assert verdict.created, f"money for a withdrawal cannot be refused with {verdict}"
    return event


def _check_limits(
    state: SettlementState, order: WithdrawalOrder, limits: WithdrawalLimits, now_ms: int
) -> None:
    if order.request_ends_ms - now_ms > limits.ahead_ms_max:
        raise WithdrawalEndsTooFar(order.request_ends_ms, limits.ahead_ms_max)
    if not limits.amount_fen_min <= order.amount_fen <= limits.amount_fen_max:
        raise WithdrawalAmountOutOfRange(order.amount_fen, limits.amount_fen_min, limits.amount_fen_max)
    under_way = sum(withdrawal.is_open for withdrawal in state.withdrawals.of_person(order.person_id))
    if under_way >= limits.open_max:
        raise WithdrawalLimitReached(order.person_id, limits.open_max)
    check_may_leave(state, order.person_id, order.amount_fen, now_ms)
    check_not_frozen(state.ledger, accounts.wallet(order.person_id))


def _with_card(state: SettlementState, order: WithdrawalOrder) -> WithdrawalOrder:
    """The order with what is known of its card. Raises `CardNotBound`."""
    bound = state.people.card(order.person_id, order.card.card_id)
    if bound is not None:
        return replace(order, card=BankCard(bound.card_id, bound.card_masked, bound.bank_name))
    if state.people.everybody:
        # People, and so their cards, are checked elsewhere.
        return order
    raise CardNotBound(order.person_id, order.card.card_id)
