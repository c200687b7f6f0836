"""Why the gateway itself says no: one class for each reason of the contract."""

from __future__ import annotations

from services.mesh.errors import ErrorKind, ServiceError


class GatewayError(ServiceError):
    """What all errors of the gateway have in common."""

    domain = "hongbao.gateway"


class TokenMissing(GatewayError):
    """The call came without a token."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_MISSING"


class TokenMalformed(GatewayError):
    """What came is not a token of identity's. Metadata: `defect`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_MALFORMED"


class TokenExpired(GatewayError):
    """The token's time is over. Metadata: `expired_at_ms`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_EXPIRED"


class TokenKeyUnknown(GatewayError):
    """Identity publishes no such key. Metadata: `key_id`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_KEY_UNKNOWN"


class TokenSignatureWrong(GatewayError):
    """The signature is not that of the key that the token names. Metadata: `key_id`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_SIGNATURE_WRONG"


class RoundUnknown(GatewayError):
    """No owner speaks of the round. Metadata: `campaign_id`, `round_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "ROUND_UNKNOWN"


class Overloaded(GatewayError):
    """As many calls as may be are under way. Metadata: `bulkhead`, `limit`."""

    kind = ErrorKind.EXHAUSTED
    reason = "OVERLOADED"


class ClaimUnanswered(GatewayError):
    """No owner answered in time; the claim may have been granted. Metadata: `stock_id`, `shard`."""

    kind = ErrorKind.UNAVAILABLE
    reason = "CLAIM_UNANSWERED"
    retry_delay_ms = 200
