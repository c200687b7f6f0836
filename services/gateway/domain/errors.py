"""Why the gateway itself says no: one class for each reason of the contract."""

from __future__ import annotations

from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.language import sentence

_LOGIN_INVALID = sentence("登录信息无效，请重新登录。", "This login is not valid: please log in again.")


class GatewayError(ServiceError):
    """What all errors of the gateway have in common."""

    domain = "hongbao.gateway"


class TokenMissing(GatewayError):
    """The call came without a token."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_MISSING"
    localized = sentence("请先登录。", "Please log in first.")


class TokenMalformed(GatewayError):
    """What came is not a token of identity's. Metadata: `defect`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_MALFORMED"
    localized = _LOGIN_INVALID


class TokenExpired(GatewayError):
    """The token's time is over. Metadata: `expired_at_ms`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_EXPIRED"
    localized = sentence("登录已过期，请重新登录。", "Your login has expired: please log in again.")


class TokenRevoked(GatewayError):
    """The token's session was ended. Metadata: `session_id`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_REVOKED"
    localized = sentence("这次登录已被结束，请重新登录。", "This login was ended: please log in again.")


class TokenKeyUnknown(GatewayError):
    """Identity publishes no such key. Metadata: `key_id`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_KEY_UNKNOWN"
    localized = _LOGIN_INVALID


class TokenSignatureWrong(GatewayError):
    """The signature is not that of the key that the token names. Metadata: `key_id`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_SIGNATURE_WRONG"
    localized = _LOGIN_INVALID


class RoundUnknown(GatewayError):
    """No owner speaks of the round. Metadata: `campaign_id`, `round_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "ROUND_UNKNOWN"
    localized = sentence(
        "没有这一场红包，请刷新活动页面。", "There is no such round: please refresh the page."
    )


class Overloaded(GatewayError):
    """As many calls as may be are under way, or came in this second. Metadata: `bulkhead`, `limit`."""

    kind = ErrorKind.EXHAUSTED
    reason = "OVERLOADED"


class TapRateExceeded(GatewayError):
    """The person taps faster than one may. Metadata: `taps_per_s`."""

    kind = ErrorKind.EXHAUSTED
    reason = "TAP_RATE_EXCEEDED"
    localized = sentence(
        "您点得太快了，请稍等一下再点。", "You are tapping too fast: please wait a moment and tap again."
    )


class CallRateExceeded(GatewayError):
    """The person calls faster than one may. Metadata: `lane`, `calls_per_s`."""

    kind = ErrorKind.EXHAUSTED
    reason = "CALL_RATE_EXCEEDED"
    localized = sentence(
        "您操作得太快了，请稍等一下再试。",
        "You are doing too much at once: please wait a moment and try again.",
    )


class InboxLimitReached(GatewayError):
    """The person has as many streams of messages open as one may. Metadata: `inboxes_max`."""

    kind = ErrorKind.EXHAUSTED
    reason = "INBOX_LIMIT_REACHED"
    localized = sentence(
        "您在太多设备上打开了聊天，请先关闭一些。",
        "You have chat open on too many devices: please close it on some.",
    )
    # Longer than a call's: a stream whose app has gone is noticed by the silence of its connection.
    retry_delay_ms = 5_000


class ClaimUnanswered(GatewayError):
    """No owner answered in time; the claim may have been granted. Metadata: `stock_id`, `shard`."""

    kind = ErrorKind.UNAVAILABLE
    reason = "CLAIM_UNANSWERED"
    localized = sentence(
        "结果还没有返回，请再点一次；已抢到的红包不会丢。",
        "No answer yet: please tap again; a packet that you have won is not lost.",
    )
    retry_delay_ms = 200
