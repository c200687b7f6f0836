"""Why a step of a dispute is refused, by the reasons of the contract."""

from __future__ import annotations

from services.mesh.errors import ErrorKind
from services.mesh.language import sentence
from services.settlement.domain.errors import SettlementError


class DisputeUnknown(SettlementError):
    """There is no such dispute (of this person), or none any more. Metadata: `dispute_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "DISPUTE_UNKNOWN"
    localized = sentence(
        "没有这笔申诉，请核对申诉编号。", "There is no such dispute: please check its number."
    )


class EntryNotDisputable(SettlementError):
    """The entry moved nothing, or was paid for a dispute. Metadata: `person_id`, `seq`, `line`."""

    kind = ErrorKind.PRECONDITION
    reason = "ENTRY_NOT_DISPUTABLE"
    localized = sentence(
        "这笔记录没有实际变动，或本身就是赔付，不能申诉；请选择有资金变动的记录。",
        "This entry moved no money, or is a compensation itself: choose one by which money moved.",
    )


class EntryTooOld(SettlementError):
    """The entry was posted too long ago. Metadata: `seq`, `line`, `days_max`."""

    kind = ErrorKind.PRECONDITION
    reason = "ENTRY_TOO_OLD"
    localized = sentence(
        "这笔记录已超过申诉期限，请联系客服。",
        "This entry is too old to be disputed: please ask customer service.",
    )


class EntryAlreadyDisputed(SettlementError):
    """Another dispute about the entry has not ended. Metadata: `dispute_id`, the other one."""

    kind = ErrorKind.EXISTS
    reason = "ENTRY_ALREADY_DISPUTED"
    localized = sentence(
        "这笔记录已有一笔申诉在处理，请在那笔申诉中补充材料。",
        "A dispute about this entry is being looked at: add what you have to that one.",
    )


class EntryCompensated(SettlementError):
    """All that the entry moved was paid back. Metadata: `seq`, `line`, `amount_fen`."""

    kind = ErrorKind.PRECONDITION
    reason = "ENTRY_COMPENSATED"
    localized = sentence(
        "这笔记录的金额已全部赔付。", "All of this entry's money has been paid back already."
    )


class DisputeAmountExceeded(SettlementError):
    """The entry moved less than that. Metadata: `dispute_id`, `amount_fen`, `left_fen`."""

    kind = ErrorKind.PRECONDITION
    reason = "DISPUTE_AMOUNT_EXCEEDED"


class DisputeLimitExceeded(SettlementError):
    """A limit is reached. Metadata: `limit` (the setting), `used`, `max`."""

    kind = ErrorKind.EXHAUSTED
    reason = "DISPUTE_LIMIT_EXCEEDED"
    localized = sentence(
        "申诉次数、材料或赔付金额已达上限，请等待已有申诉处理完毕，或联系客服。",
        "The limit on disputes is reached: wait for those that are open, or ask customer service.",
    )


class DisputeNotInState(SettlementError):
    """The dispute is in another state than the step needs. Metadata: `dispute_id`, `state`, `step`."""

    kind = ErrorKind.PRECONDITION
    reason = "DISPUTE_NOT_IN_STATE"
    localized = sentence(
        "这笔申诉已进入下一步，此操作不再适用；请查看申诉的最新状态。",
        "The dispute has moved on, and this cannot be done any more: look at how it stands.",
    )


class OperatorSame(SettlementError):
    """Whoever decided may not approve. Metadata: `dispute_id`, `operator`."""

    kind = ErrorKind.DENIED
    reason = "OPERATOR_SAME"


class DisputeRequestTooLate(SettlementError):
    """The moment that the request names is over. Metadata: `request_ends_at_ms`."""

    kind = ErrorKind.PRECONDITION
    reason = "DISPUTE_REQUEST_TOO_LATE"
    localized = sentence(
        "这次提交已过时，没有生效，请重新提交申诉。",
        "This request came too late and nothing was done: please dispute the entry again.",
    )


class DisputeRequestTooLong(SettlementError):
    """The request's id is not kept for as long. Metadata: `request_ends_at_ms`, `ahead_ms_max`."""

    kind = ErrorKind.INVALID
    reason = "DISPUTE_REQUEST_TOO_LONG"
    localized = sentence(
        "申诉没有提交成功，请检查手机时间后再试。",
        "The dispute was not opened: please check your phone's clock and try again.",
    )


class EntryContradicted(SettlementError):
    """Statement and journal disagree about an entry. Metadata: `person_id`, `seq`, `line`."""

    kind = ErrorKind.DATA_LOSS
    reason = "ENTRY_CONTRADICTED"
    localized = sentence(
        "这一条记录需要人工核对，请联系客服。",
        "This entry has to be looked at by our staff: please contact support.",
    )
