"""Why a withdrawal is refused, for the person who asked for it."""

from __future__ import annotations

from services.mesh.errors import ErrorKind
from services.mesh.language import sentence
from services.settlement.domain.errors import SettlementError
from services.settlement.domain.withdrawals.values import (
    ResolvedOutcome,
    Withdrawal,
    WithdrawalId,
    WithdrawalOrder,
)


class WithdrawalUnknown(SettlementError):
    """The person has no such withdrawal, or none any more. Metadata: `withdrawal_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "WITHDRAWAL_UNKNOWN"
    localized = sentence(
        "没有这笔提现，或者已经结束很久，请在账单里查看。",
        "There is no such withdrawal, or it ended long ago: look at the statement of the account.",
    )

    def __init__(self, withdrawal_id: int) -> None:
        super().__init__(f"there is no withdrawal {withdrawal_id}", withdrawal_id=withdrawal_id)


class WithdrawalTooLate(SettlementError):
    """The moment that the request names is over. Metadata: `withdrawal_id`, `request_ends_at_ms`."""

    kind = ErrorKind.PRECONDITION
    reason = "WITHDRAWAL_TOO_LATE"
    localized = sentence(
        "这次提现请求已经过期，没有扣款，请重新提现。",
        "This request came too late and nothing was taken: please ask again.",
    )

    def __init__(self, order: WithdrawalOrder) -> None:
        super().__init__(
            f"withdrawal {order.withdrawal_id} is asked for too late",
            withdrawal_id=order.withdrawal_id,
            request_ends_at_ms=order.request_ends_ms,
        )


class WithdrawalEndsTooFar(SettlementError):
    """The request names a moment too far ahead. Metadata: `request_ends_at_ms`, `ahead_ms_max`."""

    kind = ErrorKind.INVALID
    reason = "WITHDRAWAL_ENDS_TOO_FAR"
    localized = sentence(
        "提现请求的有效期太长，没有扣款，请重新提现。",
        "The request would be valid for too long and nothing was taken: please ask again.",
    )

    def __init__(self, request_ends_ms: int, ahead_ms_max: int) -> None:
        super().__init__(
            f"a request is remembered for {ahead_ms_max} ms",
            request_ends_at_ms=request_ends_ms,
            ahead_ms_max=ahead_ms_max,
        )


class WithdrawalAmountOutOfRange(SettlementError):
    """Too little, or too much at once. Metadata: `amount_fen`, `amount_fen_min`, `amount_fen_max`."""

    kind = ErrorKind.INVALID
    reason = "WITHDRAWAL_AMOUNT_OUT_OF_RANGE"
    localized = sentence(
        "提现金额低于最低额或超过单笔上限，请修改金额。",
        "The amount is below the least, or above the most, that can be taken out at once: change it.",
    )

    def __init__(self, amount_fen: int, amount_fen_min: int, amount_fen_max: int) -> None:
        super().__init__(
            f"{amount_fen} fen is not between {amount_fen_min} and {amount_fen_max} fen",
            amount_fen=amount_fen,
            amount_fen_min=amount_fen_min,
            amount_fen_max=amount_fen_max,
        )


class WithdrawalLimitReached(SettlementError):
    """The person has as many open withdrawals as one may have. Metadata: `person_id`, `open_max`."""

    kind = ErrorKind.EXHAUSTED
    reason = "WITHDRAWAL_LIMIT_REACHED"
    retry_delay_ms = 60_000
    localized = sentence(
        "还有提现正在处理，请等它们到账后再提现。",
        "Earlier withdrawals are still under way: ask again when they have arrived.",
    )

    def __init__(self, person_id: int, open_max: int) -> None:
        super().__init__(
            f"person {person_id} has {open_max} open withdrawals", person_id=person_id, open_max=open_max
        )


class CardNotBound(SettlementError):
    """The person has no such card. Metadata: `person_id`, `card_id`."""

    kind = ErrorKind.PRECONDITION
    reason = "CARD_NOT_BOUND"
    localized = sentence(
        "这张银行卡没有绑定或已解绑，请先绑定银行卡。",
        "This bank card is not bound, or not any more: bind it first, or choose another.",
    )

    def __init__(self, person_id: int, card_id: int) -> None:
        super().__init__(f"person {person_id} has no card {card_id}", person_id=person_id, card_id=card_id)


class PaymentContradicted(SettlementError):
    """What the bank reports cannot be true beside the record. Metadata: `withdrawal_id`, `detail`."""

    kind = ErrorKind.PRECONDITION
    reason = "PAYMENT_CONTRADICTED"

    def __init__(self, withdrawal_id: WithdrawalId, detail: str) -> None:
        super().__init__(f"withdrawal {withdrawal_id}: {detail}", withdrawal_id=withdrawal_id, detail=detail)


class WithdrawalNotResolvable(SettlementError):
    """There is nothing to resolve, or not yet. Metadata: `withdrawal_id`, `state`, `cut_off_at_ms`."""

    kind = ErrorKind.PRECONDITION
    reason = "WITHDRAWAL_NOT_RESOLVABLE"

    def __init__(self, withdrawal: Withdrawal) -> None:
        why = "its cut-off is not over" if withdrawal.is_open else "the bank does not contradict it"
        super().__init__(
            f"withdrawal {withdrawal.withdrawal_id} is {withdrawal.state.name.lower()}, and {why}",
            withdrawal_id=withdrawal.withdrawal_id,
            state=withdrawal.state.name,
            cut_off_at_ms=withdrawal.cut_off_ms,
        )


class WithdrawalResolvedOtherwise(SettlementError):
    """Another outcome is on record. Metadata: `withdrawal_id`, `outcome`."""

    kind = ErrorKind.EXISTS
    reason = "WITHDRAWAL_RESOLVED_OTHERWISE"

    def __init__(self, withdrawal_id: WithdrawalId, outcome: ResolvedOutcome) -> None:
        super().__init__(
            f"withdrawal {withdrawal_id} was resolved as {outcome.name}",
            withdrawal_id=withdrawal_id,
            outcome=outcome.name,
        )


class CompensationInsufficient(SettlementError):
    """The fund does not cover it. Metadata: `withdrawal_id`, `account_id`, `available_fen`, `needed_fen`."""

    kind = ErrorKind.PRECONDITION
    reason = "COMPENSATION_INSUFFICIENT"

    def __init__(
        self, withdrawal_id: WithdrawalId, account_id: str, available_fen: int, needed_fen: int
    ) -> None:
        super().__init__(
            f"{available_fen} fen are in {account_id}, {needed_fen} fen are needed",
            withdrawal_id=withdrawal_id,
            account_id=account_id,
            available_fen=available_fen,
            needed_fen=needed_fen,
        )


class ResolvingOperatorsSame(SettlementError):
    """It takes two operators. Metadata: `withdrawal_id`, `operator`."""

    kind = ErrorKind.DENIED
    reason = "RESOLVING_OPERATORS_SAME"

    def __init__(self, withdrawal_id: WithdrawalId, operator: str) -> None:
        super().__init__(
            f"withdrawal {withdrawal_id} has to be resolved by two operators",
            withdrawal_id=withdrawal_id,
            operator=operator,
        )
