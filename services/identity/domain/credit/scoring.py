"""Computing scores, and telling them."""

from __future__ import annotations

from services.identity.domain.credit import listing
from services.identity.domain.credit.errors import CreditPersonUnknown
from services.identity.domain.credit.listing import Page
from services.identity.domain.credit.ports import Conduct, ScoreStore, Sources
from services.identity.domain.credit.score import (
    Explained,
    Freshness,
    Kept,
    Score,
    computed,
    explained,
    of_nobody,
)
from services.identity.domain.credit.signals import Known, Signals
from services.identity.domain.people import PersonId
from services.identity.domain.ports import WallClock
from services.mesh.pages import Listing


class Scoring:
    """Keeps every person's score as fresh as it has to be."""

    def __init__(self, store: ScoreStore, sources: Sources, clock: WallClock, freshness: Freshness) -> None:
        self._store = store
        self._sources = sources
        self._clock = clock
        self._freshness = freshness

    async def check(self, person_id: PersonId) -> Explained:
        """The person's score; that of nobody for somebody whom nobody knows."""
        now_ms = self._clock.now_ms()
        looked = await self._store.look(person_id, now_ms)
        if looked is None:
            return of_nobody(person_id, now_ms)
        known, kept = looked
        if kept is None or not self._freshness.holds(kept, known.facts, now_ms):
            kept = await self._compute(known, kept, now_ms)
        return explained(kept)

    async def get(self, person_id: PersonId) -> Explained:
        """The person's score. Raises `CreditPersonUnknown`."""
        found = await self.check(person_id)
        if not found.is_known:
            raise CreditPersonUnknown(person_id=person_id)
        return found

    async def listed(self, person_id: PersonId, page_size: int, page_token: str) -> Page[Score]:
        """A page of the scores that the person had. Raises `PageTokenInvalid`."""
        size = listing.size_of(page_size)
        of_list = Listing("scores", person_id)
        (below,) = listing.place_of(of_list, page_token, listing.NEWEST[:1])
        found = await self._store.listed(person_id, below, size + 1)
        return listing.page(of_list, found, size, lambda score: (score.version,))

    async def report(self, conduct: Conduct) -> None:
        """Puts on record what was judged against somebody. Raises `ConductConflict`."""
        await self._store.report(conduct)

    async def _compute(self, known: Known, before: Kept | None, now_ms: int) -> Kept:
        wallet, relations = await self._sources.look(known.person_id, now_ms)
        if before is not None:
            # Who does not answer is taken to know what they knew last.
            wallet = wallet or before.signals.wallet
            relations = relations or before.signals.relations
        signals = Signals(now_ms, known.facts, wallet, relations)
        return await self._store.keep(computed(known.person_id, signals), signals)
