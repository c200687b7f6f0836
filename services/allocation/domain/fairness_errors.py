"""Why allocation refuses what is asked of beacons and proofs: one class for each reason of the contract."""

from __future__ import annotations

from services.allocation.domain import values
from services.allocation.domain.errors import AllocationError
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class BeaconNotAnnounced(AllocationError):
    """The round draws from its seed alone."""

    kind = ErrorKind.PRECONDITION
    reason = "BEACON_NOT_ANNOUNCED"

    def __init__(self, terms: values.RoundTerms | values.StockTerms) -> None:
        super().__init__(
            f"round {terms.stock_id} was announced without a beacon",
            campaign_id=terms.campaign_id,
            round_id=terms.round_id,
        )


class BeaconTooEarly(AllocationError):
    """The announcement was not public for long enough."""

    kind = ErrorKind.PRECONDITION
    reason = "BEACON_TOO_EARLY"

    def __init__(self, terms: values.RoundTerms, allowed_ms: int, now_ms: int) -> None:
        super().__init__(
            f"round {terms.stock_id} was announced too shortly before",
            retry_delay_ms=max(1, allowed_ms - now_ms),
            campaign_id=terms.campaign_id,
            round_id=terms.round_id,
            allowed_at_ms=allowed_ms,
            now_ms=now_ms,
        )


class BeaconTooLate(AllocationError):
    """The round is over."""

    kind = ErrorKind.PRECONDITION
    reason = "BEACON_TOO_LATE"

    def __init__(self, terms: values.RoundTerms) -> None:
        super().__init__(
            f"round {terms.stock_id} is over and had no beacon",
            campaign_id=terms.campaign_id,
            round_id=terms.round_id,
        )


class BeaconConflict(AllocationError):
    """The beacon has another value on record."""

    kind = ErrorKind.EXISTS
    reason = "BEACON_CONFLICT"

    def __init__(self, terms: values.RoundTerms | values.StockTerms, kept: values.BeaconValue) -> None:
        super().__init__(
            f"the beacon of {terms.stock_id} has another value",
            campaign_id=terms.campaign_id,
            round_id=terms.round_id,
            beacon_value=kept.hex(),
        )


class ProofPending(AllocationError):
    """The seed is still secret."""

    kind = ErrorKind.PRECONDITION
    reason = "PROOF_PENDING"
    localized = sentence(
        "活动结束后才能查看验证信息，请稍后再试。",
        "The proof can be read once the round is over; try again then.",
    )

    def __init__(self, stock_id: values.StockId, closes_ms: int, retry_delay_ms: int) -> None:
        super().__init__(
            f"the seed of {stock_id} is secret until the round is closed",
            retry_delay_ms=retry_delay_ms,
            stock_id=stock_id,
            closes_at_ms=closes_ms,
        )
