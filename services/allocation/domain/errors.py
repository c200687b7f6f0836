"""Why allocation refuses: one class for each reason of the contract."""

from __future__ import annotations

from services.allocation.domain import values
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.language import sentence


class AllocationError(ServiceError):
    """Base of what this service raises by itself."""

    domain = "hongbao.allocation"


class CampaignUnknown(AllocationError):
    """No campaign has this id."""

    kind = ErrorKind.NOT_FOUND
    reason = "CAMPAIGN_UNKNOWN"
    localized = sentence("没有这个活动。", "There is no such campaign.")

    def __init__(self, campaign_id: values.CampaignId) -> None:
        super().__init__(f"there is no campaign {campaign_id}", campaign_id=campaign_id)


class CampaignConflict(AllocationError):
    """The id is taken by a campaign with other content."""

    kind = ErrorKind.EXISTS
    reason = "CAMPAIGN_CONFLICT"

    def __init__(self, terms: values.CampaignTerms, field: str) -> None:
        super().__init__(
            f"campaign {terms.campaign_id} exists with another {field}",
            campaign_id=terms.campaign_id,
            field=field,
        )


class CampaignsTooMany(AllocationError):
    """The home shard keeps no more campaigns."""

    kind = ErrorKind.EXHAUSTED
    reason = "CAMPAIGNS_TOO_MANY"

    def __init__(self, shard: int, campaigns_max: int) -> None:
        super().__init__(
            f"shard {shard} keeps {campaigns_max} campaigns already", shard=shard, campaigns_max=campaigns_max
        )


class RoundUnknown(AllocationError):
    """The campaign has no such round."""

    kind = ErrorKind.NOT_FOUND
    reason = "ROUND_UNKNOWN"
    localized = sentence("没有这一场红包。", "There is no such round.")

    def __init__(self, campaign_id: values.CampaignId, round_id: values.RoundId) -> None:
        super().__init__(
            f"campaign {campaign_id} has no round {round_id}", campaign_id=campaign_id, round_id=round_id
        )


class RoundConflict(AllocationError):
    """The id is taken by a round with other content."""

    kind = ErrorKind.EXISTS
    reason = "ROUND_CONFLICT"

    def __init__(self, terms: values.RoundTerms, field: str) -> None:
        super().__init__(
            f"round {terms.stock_id} exists with other {field}",
            campaign_id=terms.campaign_id,
            round_id=terms.round_id,
            field=field,
        )


class RoundPending(AllocationError):
    """The round is on record, and one of its steps is still being tried."""

    kind = ErrorKind.UNAVAILABLE
    reason = "ROUND_PENDING"
    retry_delay_ms = 500

    def __init__(self, terms: values.RoundTerms, step: str) -> None:
        super().__init__(
            f"round {terms.stock_id} is not through with {step} yet",
            campaign_id=terms.campaign_id,
            round_id=terms.round_id,
            step=step,
        )


class BudgetExceeded(AllocationError):
    """The campaign's budget does not cover one more round of this size."""

    kind = ErrorKind.PRECONDITION
    reason = "BUDGET_EXCEEDED"

    def __init__(self, campaign: values.CampaignTerms, committed_fen: int, requested_fen: int) -> None:
        super().__init__(
            f"of {campaign.budget_fen} fen of campaign {campaign.campaign_id}, {committed_fen} are taken",
            campaign_id=campaign.campaign_id,
            budget_fen=campaign.budget_fen,
            committed_fen=committed_fen,
            requested_fen=requested_fen,
        )


class BudgetInfeasible(AllocationError):
    """The budget cannot be paid out in packets of this number and size."""

    kind = ErrorKind.INVALID
    reason = "BUDGET_INFEASIBLE"

    def __init__(self, packets: values.Packets) -> None:
        super().__init__(
            f"{packets.budget_fen} fen do not make {packets.count} packets"
            f" of {packets.min_fen} to {packets.max_fen} fen",
            budget_fen=packets.budget_fen,
            packet_count=packets.count,
            packet_min_fen=packets.min_fen,
            packet_max_fen=packets.max_fen,
        )


class PacketsTooFew(AllocationError):
    """There would be shards without a packet."""

    kind = ErrorKind.INVALID
    reason = "PACKETS_TOO_FEW"

    def __init__(self, packet_count: int, shard_count: int) -> None:
        super().__init__(
            f"{packet_count} packets leave some of {shard_count} shards without one",
            packet_count=packet_count,
            shard_count=shard_count,
        )


class PacketsTooMany(AllocationError):
    """The round is larger than one stock may be."""

    kind = ErrorKind.INVALID
    reason = "PACKETS_TOO_MANY"

    def __init__(self, packet_count: int, packets_max: int) -> None:
        super().__init__(
            f"a round has at most {packets_max} packets", packet_count=packet_count, packets_max=packets_max
        )


class WindowInvalid(AllocationError):
    """The window is empty, too long, or begins in the past."""

    kind = ErrorKind.INVALID
    reason = "WINDOW_INVALID"

    def __init__(self, window: values.Window, now_ms: int, window_ms_max: int) -> None:
        super().__init__(
            "a round opens in the future, closes after that, and not too long after",
            opens_at_ms=window.opens_ms,
            closes_at_ms=window.closes_ms,
            now_ms=now_ms,
            window_ms_max=window_ms_max,
        )


class WinningsWaitTooShort(AllocationError):
    """Winnings would go back before their people had any time to be verified."""

    kind = ErrorKind.INVALID
    reason = "WINNINGS_WAIT_TOO_SHORT"

    def __init__(self, terms: values.CampaignTerms | values.RoundTerms, needed_until_ms: int) -> None:
        super().__init__(
            f"winnings of campaign {terms.campaign_id} wait until a moment that is too early",
            campaign_id=terms.campaign_id,
            winnings_wait_until_ms=terms.winnings_wait_until_ms,
            needed_until_ms=needed_until_ms,
        )


class FundsInsufficient(AllocationError):
    """The sponsor's account does not cover the round's budget."""

    kind = ErrorKind.PRECONDITION
    reason = "FUNDS_INSUFFICIENT"

    def __init__(self, sponsor_id: int, needed_fen: int, available_fen: int) -> None:
        super().__init__(
            f"sponsor {sponsor_id} has {available_fen} fen of the {needed_fen} that are needed",
            sponsor_id=sponsor_id,
            needed_fen=needed_fen,
            available_fen=available_fen,
        )


class StocksTooMany(AllocationError):
    """A shard keeps no more stocks."""

    kind = ErrorKind.EXHAUSTED
    reason = "STOCKS_TOO_MANY"

    def __init__(self, shard: int, stocks_max: int) -> None:
        super().__init__(f"shard {shard} keeps {stocks_max} stocks", shard=shard, stocks_max=stocks_max)


class BatchTooLarge(AllocationError):
    """A batch has more claims than settings allow."""

    kind = ErrorKind.INVALID
    reason = "BATCH_TOO_LARGE"

    def __init__(self, claims: int, claims_max: int) -> None:
        super().__init__(f"a batch has at most {claims_max} claims", claims=claims, claims_max=claims_max)


class Overloaded(AllocationError):
    """Too many batches are in flight."""

    kind = ErrorKind.EXHAUSTED
    reason = "OVERLOADED"
    retry_delay_ms = 20

    def __init__(self, shard: int, batches_max: int) -> None:
        super().__init__(f"{batches_max} batches are in flight already", shard=shard, batches_max=batches_max)


class StreamsTooMany(AllocationError):
    """As many streams are open as settings allow."""

    kind = ErrorKind.EXHAUSTED
    reason = "STREAMS_TOO_MANY"
    retry_delay_ms = 1_000

    def __init__(self, streams_max: int) -> None:
        super().__init__(f"{streams_max} such streams are open already", streams_max=streams_max)


class PageTokenInvalid(AllocationError):
    """The page token is not from this list."""

    kind = ErrorKind.INVALID
    reason = "PAGE_TOKEN_INVALID"

    def __init__(self, page_token: str) -> None:
        super().__init__("the page token is not from this list", page_token=page_token)


class ShardUnknown(AllocationError):
    """There is no shard with this number."""

    kind = ErrorKind.INVALID
    reason = "SHARD_UNKNOWN"

    def __init__(self, shard: int, shard_count: int) -> None:
        super().__init__(f"there are {shard_count} shards", shard=shard, shard_count=shard_count)
