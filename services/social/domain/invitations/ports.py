"""What invitations need of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.social.domain.invitations.invitation import Acceptance, CampaignId, Code, Invitation
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class InvitationLimits:
    """How many invitations there may be."""

    campaigns_max: int
    """Campaigns to which one person invites."""
    invited_max: int
    """Persons who accept one invitation."""


class InvitationStore(Protocol):
    """Keeps invitations. Who turned out to be somebody else is that person in all of it."""

    async def create(self, new: Invitation, limits: InvitationLimits) -> Invitation:
        """Keeps a new invitation, or returns the one that the person has for the campaign; durable on return.

        Raises `InvitationLimitReached`.
        """
        ...

    async def accept(self, code: Code, person: PersonId, now_ms: int, limits: InvitationLimits) -> Acceptance:
        """Has a person accept; atomic, and durable on return.

        Raises `InvitationUnknown`, `InvitedLimitReached`, and what `invitation.accept` raises.
        """
        ...

    async def invited(
        self, inviting: PersonId, campaign_id: CampaignId, after: PersonId, limit: int
    ) -> Sequence[Acceptance]:
        """At most `limit` acceptances of a person's invitations to a campaign, of persons above `after`."""
        ...
