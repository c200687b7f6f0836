"""What operators do with partners."""

from __future__ import annotations

from dataclasses import dataclass

from services.identity.domain import secret
from services.identity.domain.credit import listing
from services.identity.domain.credit.listing import Page
from services.identity.domain.credit.partners import Partner, PartnerId, PartnerKind
from services.identity.domain.credit.ports import PartnerStore
from services.identity.domain.ports import DrawBits, WallClock
from services.identity.domain.registration import draw_id
from services.mesh.pages import Listing

_PARTNERS = Listing("partners")


@dataclass(frozen=True, slots=True)
class RegisteredPartner:
    """A partner, and its secret unless that has been used already."""

    partner: Partner
    partner_secret: str


class Registering:
    """Keeps the register of partners."""

    def __init__(
        self, partners: PartnerStore, clock: WallClock, draw_bits: DrawBits, secret_key: bytes
    ) -> None:
        self._partners = partners
        self._clock = clock
        self._draw_bits = draw_bits
        self._secret_key = secret_key

    async def register(self, request_id: str, name: str, kind: PartnerKind) -> RegisteredPartner:
        """Registers a partner; the same request again returns the same one. Raises `RequestIdReused`."""
        partner_secret = secret.derive(self._secret_key, request_id)
        salt = self._draw_bits(8 * secret.SALT_BYTES).to_bytes(secret.SALT_BYTES, "big")
        candidate = Partner(
            PartnerId(draw_id(self._draw_bits)),
            name,
            kind,
            secret.store(partner_secret, salt),
            self._clock.now_ms(),
        )
        kept = await self._partners.register(candidate, request_id)
        return RegisteredPartner(kept, "" if kept.secret_was_used else partner_secret)

    async def listed(self, page_size: int, page_token: str) -> Page[Partner]:
        """A page of all partners. Raises `PageTokenInvalid`."""
        size = listing.size_of(page_size)
        (after,) = listing.place_of(_PARTNERS, page_token, (0,))
        found = await self._partners.listed(PartnerId(after), size + 1)
        return listing.page(_PARTNERS, found, size, lambda partner: (partner.partner_id,))

    async def suspend(self, partner_id: PartnerId, *, suspended: bool) -> Partner:
        """Suspends a partner, or lets it again. Raises `PartnerUnknown`."""
        return await self._partners.suspend(partner_id, self._clock.now_ms() if suspended else None)
