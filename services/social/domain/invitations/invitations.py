"""Inviting people into a campaign, accepting, and looking who did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.social.domain import pages
from services.social.domain.invitations.invitation import (
    Acceptance,
    CampaignId,
    Invitation,
    code_of,
    new_code,
)
from services.social.domain.invitations.ports import InvitationLimits, InvitationStore
from services.social.domain.ports import WallClock
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class InvitedPage:
    """Some of those who accepted."""

    accepted: Sequence[Acceptance]
    next_page_token: str
    """Empty after the last page."""


class Invitations:
    """What people do with invitations."""

    def __init__(
        self,
        store: InvitationStore,
        clock: WallClock,
        limits: InvitationLimits,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._random_bytes = random_bytes

    async def create(self, inviting: PersonId, campaign_id: CampaignId) -> Invitation:
        """A person's invitation to a campaign. Raises `InvitationLimitReached`."""
        code = new_code(self._random_bytes)
        new = Invitation(code, inviting, campaign_id, self._clock.now_ms(), accepted_count=0)
        return await self._store.create(new, self._limits)

    async def accept(self, person: PersonId, code: str) -> Acceptance:
        """Accepts an invitation.

        Raises `InvitationUnknown`, `OwnInvitation`, `InvitedBefore`, `AlreadyVerified` or
        `InvitedLimitReached`.
        """
        return await self._store.accept(code_of(code), person, self._clock.now_ms(), self._limits)

    async def invited(
        self, inviting: PersonId, campaign_id: CampaignId, page_size: int, page_token: str
    ) -> InvitedPage:
        """A page of those who accepted; a size of 0 means the default. Raises `PageTokenInvalid`."""
        listing, size = f"invited/{campaign_id}", page_size or pages.PAGE_ITEMS_DEFAULT
        after = PersonId(pages.last_of(page_token, listing, inviting))
        # One more than asked for tells whether there is another page.
        found = await self._store.invited(inviting, campaign_id, after, size + 1)
        token = pages.token(listing, inviting, found[size - 1].invited) if len(found) > size else ""
        return InvitedPage(found[:size], token)
