"""The contract of the feed of people in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from hongbao.identity.v1 import events_pb2, person_feed_pb2
from hongbao.identity.v1.person_feed_pb2_grpc import PersonFeedServiceServicer
from services.identity.api.accounts import tier_shown
from services.identity.domain.person_events import (
    CardBound,
    CardUnbound,
    FeedStretch,
    NumberedEvent,
    PersonErased,
    PersonEvent,
    PersonsMerged,
    PersonVerified,
    TierChanged,
)
from services.identity.domain.ports import PersonFeed
from services.mesh.clock import Clock
from services.mesh.feed.producer import batch_limit, check_cursor
from services.mesh.settings import MeshSettings
from services.mesh.timestamps import timestamp


class PersonFeedApi(PersonFeedServiceServicer):
    """Serves `hongbao.identity.v1.PersonFeedService`."""

    def __init__(self, feed: PersonFeed, settings: MeshSettings, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._feed_batch_records = settings.feed_batch_records
        self._feed_poll_s = settings.feed_poll_ms / 1000

    async def ReadPersons(
        self, request: person_feed_pb2.ReadPersonsRequest, _context: Any
    ) -> AsyncGenerator[person_feed_pb2.ReadPersonsResponse, None]:
        """See the contract."""
        after_seq, shard_count = request.after_seq, request.shard_count or 1
        check_cursor(request.shard, after_seq, await self._feed.last_seq())
        limit = batch_limit(request.batch_records, self._feed_batch_records)
        while True:
            looked_ms = self._clock.now_ms()
            found = await self._feed.read(after_seq, limit, request.shard, shard_count)
            found_count = found.last_seq - after_seq
            if found_count or request.tell_completeness:
                response = _response(found, after_seq)
                if request.tell_completeness and found_count < limit:
                    response.complete_at.CopyFrom(timestamp(looked_ms))
                yield response
            after_seq = found.last_seq
            if not found_count:
                await self._feed.wait_beyond(after_seq, self._feed_poll_s)


def _response(found: FeedStretch, after_seq: int) -> person_feed_pb2.ReadPersonsResponse:
    """The events at their places, and records without content where others' are."""
    response = person_feed_pb2.ReadPersonsResponse()
    events = {numbered.seq: numbered for numbered in found.events}
    for seq in range(after_seq + 1, found.last_seq + 1):
        numbered = events.get(seq)
        if numbered is None:
            response.records.add(seq=seq)
        else:
            response.records.append(_record(numbered))
    return response


def _record(numbered: NumberedEvent) -> events_pb2.FeedRecord:
    return events_pb2.FeedRecord(
        seq=numbered.seq,
        time=timestamp(numbered.time_ms),
        trace_context=numbered.trace_context,
        event=_event(numbered.event),
    )


def _event(event: PersonEvent) -> events_pb2.IdentityEvent:
    match event:
        case PersonVerified(person_id, tier):
            verified = events_pb2.PersonVerified(person_id=person_id, tier=tier_shown(tier))
            return events_pb2.IdentityEvent(person_verified=verified)
        case TierChanged(person_id, tier):
            changed = events_pb2.TierChanged(person_id=person_id, tier=tier_shown(tier))
            return events_pb2.IdentityEvent(tier_changed=changed)
        case PersonsMerged(person_id, into_person_id):
            merged = events_pb2.PersonsMerged(provisional_person_id=person_id, person_id=into_person_id)
            return events_pb2.IdentityEvent(persons_merged=merged)
        case CardBound(person_id, card_id, number_masked, bank_name):
            bound = events_pb2.CardBound(
                person_id=person_id, card_id=card_id, number_masked=number_masked, bank_name=bank_name
            )
            return events_pb2.IdentityEvent(card_bound=bound)
        case CardUnbound(person_id, card_id):
            unbound = events_pb2.CardUnbound(person_id=person_id, card_id=card_id)
            return events_pb2.IdentityEvent(card_unbound=unbound)
        case PersonErased(person_id):
            erased = events_pb2.PersonErased(person_id=person_id)
            return events_pb2.IdentityEvent(person_erased=erased)
