"""Identity's feed of people, told by a test: the real servicer over a list."""

from __future__ import annotations

import asyncio

from hongbao.identity.v1.person_feed_pb2_grpc import add_PersonFeedServiceServicer_to_server
from services.identity.api.person_feed import PersonFeedApi
from services.identity.domain.people import PersonId, Tier
from services.identity.domain.person_events import (
    FeedStretch,
    NumberedEvent,
    PersonEvent,
    PersonsMerged,
    PersonVerified,
)
from services.mesh.clock import Clock
from services.mesh.server import Service
from services.mesh.settings import MeshSettings
from services.mesh.shards.hashing import shard_of


class KnownPeople:
    """A feed of people in memory; `PersonFeed`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: list[NumberedEvent] = []
        self._news = asyncio.Event()

    def service(self, settings: MeshSettings) -> Service:
        """What serves it."""
        api = PersonFeedApi(self, settings, self._clock)
        return Service("hongbao.identity.v1.PersonFeedService", api, add_PersonFeedServiceServicer_to_server)

    def verify(self, person_id: int) -> None:
        self._add(PersonVerified(PersonId(person_id), Tier.I))

    def merge(self, person_id: int, into_person_id: int) -> None:
        self._add(PersonsMerged(PersonId(person_id), PersonId(into_person_id)))

    def _add(self, event: PersonEvent) -> None:
        self._events.append(NumberedEvent(len(self._events) + 1, self._clock.now_ms(), "", event))
        self._news.set()
        self._news = asyncio.Event()

    async def last_seq(self) -> int:
        return len(self._events)

    async def read(self, after_seq: int, limit: int, shard: int, shard_count: int) -> FeedStretch:
        found = self._events[after_seq : after_seq + limit]
        of_shard = [event for event in found if shard_of(event.event.person_id, shard_count) == shard]
        return FeedStretch(after_seq + len(found), of_shard)

    async def wait_beyond(self, seq: int, timeout_s: float) -> None:
        if len(self._events) <= seq:
            waits = [asyncio.ensure_future(self._clock.sleep(timeout_s))]
            waits.append(asyncio.ensure_future(self._news.wait()))  # type: ignore[arg-type]  # its value is nothing
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
