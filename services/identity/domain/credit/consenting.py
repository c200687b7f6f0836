"""What people do with consents, and what they are shown of questions about them."""

from __future__ import annotations

from services.identity.domain.credit import listing
from services.identity.domain.credit.errors import PartnerUnknown
from services.identity.domain.credit.listing import NEWEST, Page
from services.identity.domain.credit.partners import Consent, ConsentId, ConsentRules, PartnerId, Query, Scope
from services.identity.domain.credit.ports import ConsentStore, PartnerStore, QueryStore
from services.identity.domain.people import PersonId
from services.identity.domain.ports import DrawBits, WallClock
from services.identity.domain.registration import draw_id
from services.mesh.pages import Listing


class Consenting:
    """Keeps whom people let ask about them."""

    def __init__(
        self,
        consents: ConsentStore,
        partners: PartnerStore,
        queries: QueryStore,
        clock: WallClock,
        draw_bits: DrawBits,
        rules: ConsentRules,
    ) -> None:
        self._consents = consents
        self._partners = partners
        self._queries = queries
        self._clock = clock
        self._draw_bits = draw_bits
        self._rules = rules

    async def grant(
        self,
        person_id: PersonId,
        request_id: str,
        partner_id: PartnerId,
        scopes: frozenset[Scope],
        ends_ms: int,
    ) -> Consent:
        """Lets a partner ask until a moment. Raises what `ConsentStore.grant` raises."""
        partner = await self._partners.find(partner_id)
        if partner is None:
            raise PartnerUnknown(partner_id=partner_id)
        consent = Consent(
            ConsentId(draw_id(self._draw_bits)),
            person_id,
            partner_id,
            partner.name,
            scopes,
            self._clock.now_ms(),
            ends_ms,
        )
        return await self._consents.grant(consent, request_id, self._rules)

    async def withdraw(self, person_id: PersonId, consent_id: ConsentId) -> Consent:
        """Takes a consent back. Raises `ConsentUnknown`."""
        return await self._consents.withdraw(person_id, consent_id, self._clock.now_ms())

    async def listed(self, person_id: PersonId, page_size: int, page_token: str) -> Page[Consent]:
        """A page of the person's consents. Raises `PageTokenInvalid`."""
        size = listing.size_of(page_size)
        of_list = Listing("consents", person_id)
        before = listing.place_of(of_list, page_token, NEWEST)
        found = await self._consents.listed(person_id, before, size + 1)
        return listing.page(of_list, found, size, lambda consent: (consent.granted_ms, consent.consent_id))

    async def queries(self, person_id: PersonId, page_size: int, page_token: str) -> Page[Query]:
        """A page of the queries about the person. Raises `PageTokenInvalid`."""
        size = listing.size_of(page_size)
        of_list = Listing("queries", person_id)
        before = listing.place_of(of_list, page_token, NEWEST)
        found = await self._queries.listed(person_id, before, size + 1)
        return listing.page(of_list, found, size, lambda query: (query.asked_ms, query.query_id))

    def now_ms(self) -> int:
        """The moment that a consent's state is told of."""
        return self._clock.now_ms()
