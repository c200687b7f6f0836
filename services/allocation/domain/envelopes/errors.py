"""Why envelopes refuse: one class for each reason of the contract."""

from __future__ import annotations

from services.allocation.domain.envelopes.values import EnvelopeId
from services.allocation.domain.errors import AllocationError
from services.allocation.domain.values import PersonId
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class EnvelopeUnknown(AllocationError):
    """There is no such envelope, or none any more."""

    kind = ErrorKind.NOT_FOUND
    reason = "ENVELOPE_UNKNOWN"
    localized = sentence("没有这个红包，或者它早已结束。", "There is no such packet, or it ended long ago.")

    def __init__(self, envelope_id: EnvelopeId) -> None:
        super().__init__(f"there is no envelope {envelope_id}", envelope_id=envelope_id)


class EnvelopeConflict(AllocationError):
    """The request id stands for another envelope of the sender."""

    kind = ErrorKind.EXISTS
    reason = "ENVELOPE_CONFLICT"
    localized = sentence(
        "这次请求已用于另一个红包，请重新发送。", "This request stands for another packet. Please send again."
    )

    def __init__(self, envelope_id: EnvelopeId, field: str) -> None:
        super().__init__(
            f"envelope {envelope_id} exists with other {field}", envelope_id=envelope_id, field=field
        )


class EnvelopePending(AllocationError):
    """It is not known yet whether the money is held."""

    kind = ErrorKind.UNAVAILABLE
    reason = "ENVELOPE_PENDING"
    retry_delay_ms = 200
    localized = sentence(
        "红包正在准备，请稍候再试。", "The packet is being prepared. Please try again in a moment."
    )

    def __init__(self, envelope_id: EnvelopeId) -> None:
        super().__init__(
            f"settlement has not answered for envelope {envelope_id} yet", envelope_id=envelope_id
        )


class EnvelopeRefused(AllocationError):
    """The money could not be held."""

    kind = ErrorKind.PRECONDITION
    reason = "ENVELOPE_REFUSED"
    localized = sentence(
        "红包没有发出，未扣款，请重新发送。",
        "The packet was not sent and nothing was taken. Please send again.",
    )

    def __init__(self, envelope_id: EnvelopeId) -> None:
        super().__init__(f"envelope {envelope_id} never opened", envelope_id=envelope_id)


class BalanceInsufficient(AllocationError):
    """The sender's wallet does not cover it."""

    kind = ErrorKind.PRECONDITION
    reason = "BALANCE_INSUFFICIENT"
    localized = sentence("余额不足，未扣款。", "Your balance is not enough. Nothing was taken.")

    def __init__(self, person_id: PersonId, needed_fen: int, available_fen: int) -> None:
        super().__init__(
            f"person {person_id} has {available_fen} fen of the {needed_fen} that are needed",
            person_id=person_id,
            needed_fen=needed_fen,
            available_fen=available_fen,
        )


class SenderUnverified(AllocationError):
    """Nobody is verified behind the sender, so nothing may leave the wallet."""

    kind = ErrorKind.PRECONDITION
    reason = "SENDER_UNVERIFIED"
    localized = sentence(
        "完成实名认证后才能发红包，未扣款。",
        "Please verify your name before you send packets. Nothing was taken.",
    )

    def __init__(self, person_id: PersonId) -> None:
        super().__init__(f"nobody is verified behind person {person_id}", person_id=person_id)


class SenderLimitReached(AllocationError):
    """More would leave the sender's wallet than the sender's tier allows."""

    kind = ErrorKind.PRECONDITION
    reason = "SENDER_LIMIT_REACHED"
    localized = sentence(
        "已超过账户的转出限额，未扣款。绑定更多银行卡可以提高限额。",
        "This is more than may leave your wallet. Nothing was taken. Further bank cards raise the limit.",
    )

    def __init__(self, person_id: PersonId, needed_fen: int, left_fen: int) -> None:
        super().__init__(
            f"{left_fen} fen may still leave the wallet of person {person_id}, not {needed_fen}",
            person_id=person_id,
            needed_fen=needed_fen,
            left_fen=left_fen,
        )


class EnvelopeEmpty(AllocationError):
    """Every share is claimed."""

    kind = ErrorKind.PRECONDITION
    reason = "ENVELOPE_EMPTY"
    localized = sentence("手慢了，红包派完了。", "Too late: others have taken it all.")

    def __init__(self, envelope_id: EnvelopeId) -> None:
        super().__init__(f"every share of envelope {envelope_id} is claimed", envelope_id=envelope_id)


class EnvelopeExpired(AllocationError):
    """The time to claim is over."""

    kind = ErrorKind.PRECONDITION
    reason = "ENVELOPE_EXPIRED"
    localized = sentence("红包已过期，剩余金额已退回。", "The packet has expired; what was left went back.")

    def __init__(self, envelope_id: EnvelopeId, expires_at_ms: int) -> None:
        super().__init__(
            f"envelope {envelope_id} has expired", envelope_id=envelope_id, expires_at_ms=expires_at_ms
        )


class NotInAudience(AllocationError):
    """The envelope is for others."""

    kind = ErrorKind.DENIED
    reason = "NOT_IN_AUDIENCE"
    localized = sentence("这个红包不是发给你的。", "This packet is not for you.")

    def __init__(self, envelope_id: EnvelopeId, person_id: PersonId) -> None:
        super().__init__(
            f"envelope {envelope_id} is not for person {person_id}",
            envelope_id=envelope_id,
            person_id=person_id,
        )


class ShareUnknown(AllocationError):
    """The person has no share of the envelope."""

    kind = ErrorKind.NOT_FOUND
    reason = "SHARE_UNKNOWN"
    localized = sentence(
        "你没有领过这个红包，或者它早已结束。", "You have nothing from this packet, or it ended long ago."
    )

    def __init__(self, envelope_id: EnvelopeId, person_id: PersonId) -> None:
        super().__init__(
            f"person {person_id} has no share of envelope {envelope_id}",
            envelope_id=envelope_id,
            person_id=person_id,
        )
