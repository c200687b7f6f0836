"""Why supply is refused, or late."""

from __future__ import annotations

from services.cards.domain.errors import CardsError
from services.cards.domain.vocabulary import CampaignId
from services.mesh.errors import ErrorKind


class SupplyPlanInvalid(CardsError):
    """The supply plan contradicts itself, or the window of its game."""

    kind = ErrorKind.INVALID
    reason = "SUPPLY_PLAN_INVALID"

    def __init__(self, campaign_id: CampaignId, field: str, why: str) -> None:
        super().__init__(
            f"the supply plan of {campaign_id} cannot be followed: {field}: {why}",
            campaign_id=campaign_id,
            field=f"supply.{field}",
            why=why,
        )


class LeaseOutOfOrder(CardsError):
    """A shard asked for a lease that is neither its next one nor its last one again."""

    kind = ErrorKind.PRECONDITION
    reason = "LEASE_OUT_OF_ORDER"

    def __init__(self, campaign_id: CampaignId, shard: int, lease_no: int, next_lease_no: int) -> None:
        super().__init__(
            f"lease {lease_no} of shard {shard} in {campaign_id} is not the next one, {next_lease_no}",
            campaign_id=campaign_id,
            shard=shard,
            lease_no=lease_no,
            next_lease_no=next_lease_no,
        )


class LeaseBooksWrong(CardsError):
    """A shard told of more than it was ever granted: its books, or those of home, are not of this game."""

    kind = ErrorKind.PRECONDITION
    reason = "LEASE_BOOKS_WRONG"

    def __init__(self, campaign_id: CampaignId, shard: int) -> None:
        super().__init__(
            f"shard {shard} dealt and gave back more of {campaign_id} than it was granted",
            campaign_id=campaign_id,
            shard=shard,
        )


class SupplyAwaited(CardsError):
    """Cards for new friends wait until home has granted or refused them."""

    kind = ErrorKind.UNAVAILABLE
    reason = "SUPPLY_AWAITED"

    def __init__(self, campaign_ids: tuple[CampaignId, ...]) -> None:
        names = ",".join(campaign_ids)
        super().__init__(f"cards for new friends wait for the supply of {names}", campaign_id=names)
