"""The contract of relations in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from hongbao.social.v1 import events_pb2, social_pb2
from hongbao.social.v1.social_pb2_grpc import SocialServiceServicer
from services.mesh.feed.producer import batch_limit, check_cursor
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import timestamp
from services.social.domain.friendships import Friendships, other_side
from services.social.domain.ports import Direction, FriendshipEvent, FriendshipFeed, ToldEvent
from services.social.domain.relation import PersonId

_DIRECTIONS = {
    social_pb2.REQUEST_DIRECTION_INCOMING: Direction.INCOMING,
    social_pb2.REQUEST_DIRECTION_OUTGOING: Direction.OUTGOING,
}


class SocialApi(SocialServiceServicer):
    """Serves `hongbao.social.v1.SocialService`."""

    def __init__(self, friendships: Friendships, feed: FriendshipFeed, settings: MeshSettings) -> None:
        self._friendships = friendships
        self._feed = feed
        self._feed_batch_records = settings.feed_batch_records
        self._feed_poll_s = settings.feed_poll_ms / 1000

    async def RequestFriend(
        self, request: social_pb2.RequestFriendRequest, _context: Any
    ) -> social_pb2.RequestFriendResponse:
        """See the contract."""
        asked = await self._friendships.ask(
            PersonId(request.asking_person_id), PersonId(request.other_person_id), traceparent()
        )
        return social_pb2.RequestFriendResponse(state=social_pb2.RelationState.ValueType(asked.state))

    async def AcceptFriend(
        self, request: social_pb2.AcceptFriendRequest, _context: Any
    ) -> social_pb2.AcceptFriendResponse:
        """See the contract."""
        friends = await self._friendships.accept(
            PersonId(request.person_id), PersonId(request.asking_person_id), traceparent()
        )
        return social_pb2.AcceptFriendResponse(since=timestamp(friends.changed_ms))

    async def DeclineFriend(
        self, request: social_pb2.DeclineFriendRequest, _context: Any
    ) -> social_pb2.DeclineFriendResponse:
        """See the contract."""
        await self._friendships.decline(PersonId(request.person_id), PersonId(request.asking_person_id))
        return social_pb2.DeclineFriendResponse()

    async def RemoveFriend(
        self, request: social_pb2.RemoveFriendRequest, _context: Any
    ) -> social_pb2.RemoveFriendResponse:
        """See the contract."""
        await self._friendships.remove(
            PersonId(request.person_id), PersonId(request.other_person_id), traceparent()
        )
        return social_pb2.RemoveFriendResponse()

    async def BlockPerson(
        self, request: social_pb2.BlockPersonRequest, _context: Any
    ) -> social_pb2.BlockPersonResponse:
        """See the contract."""
        await self._friendships.block(
            PersonId(request.person_id), PersonId(request.other_person_id), traceparent()
        )
        return social_pb2.BlockPersonResponse()

    async def UnblockPerson(
        self, request: social_pb2.UnblockPersonRequest, _context: Any
    ) -> social_pb2.UnblockPersonResponse:
        """See the contract."""
        await self._friendships.unblock(PersonId(request.person_id), PersonId(request.other_person_id))
        return social_pb2.UnblockPersonResponse()

    async def ListBlocked(
        self, request: social_pb2.ListBlockedRequest, _context: Any
    ) -> social_pb2.ListBlockedResponse:
        """See the contract."""
        person = PersonId(request.person_id)
        page = await self._friendships.blocked(person, request.page_size, request.page_token)
        blocked = [other_side(known, person) for known in page.relations]
        return social_pb2.ListBlockedResponse(person_ids=blocked, next_page_token=page.next_page_token)

    async def ListFriends(
        self, request: social_pb2.ListFriendsRequest, _context: Any
    ) -> social_pb2.ListFriendsResponse:
        """See the contract."""
        person = PersonId(request.person_id)
        page = await self._friendships.friends(person, request.page_size, request.page_token)
        friends = [
            social_pb2.Friend(
                person_id=friend, since=timestamp(known.changed_ms), remark=page.remarks.get(friend, "")
            )
            for friend, known in ((other_side(known, person), known) for known in page.relations)
        ]
        return social_pb2.ListFriendsResponse(friends=friends, next_page_token=page.next_page_token)

    async def SetRemark(
        self, request: social_pb2.SetRemarkRequest, _context: Any
    ) -> social_pb2.SetRemarkResponse:
        """See the contract."""
        await self._friendships.set_remark(
            PersonId(request.person_id), PersonId(request.friend_person_id), request.remark.strip()
        )
        return social_pb2.SetRemarkResponse()

    async def ListFriendRequests(
        self, request: social_pb2.ListFriendRequestsRequest, _context: Any
    ) -> social_pb2.ListFriendRequestsResponse:
        """See the contract."""
        person, direction = PersonId(request.person_id), _DIRECTIONS[request.direction]
        page = await self._friendships.requests(person, direction, request.page_size, request.page_token)
        requests = [
            social_pb2.FriendRequest(
                asking_person_id=known.asking,
                other_person_id=other_side(known, known.asking),
                asked_at=timestamp(known.changed_ms),
            )
            for known in page.relations
        ]
        return social_pb2.ListFriendRequestsResponse(requests=requests, next_page_token=page.next_page_token)

    async def CheckFriends(
        self, request: social_pb2.CheckFriendsRequest, _context: Any
    ) -> social_pb2.CheckFriendsResponse:
        """See the contract."""
        others = [PersonId(other) for other in request.other_person_ids]
        return social_pb2.CheckFriendsResponse(
            are_friends=await self._friendships.check(PersonId(request.person_id), others)
        )

    async def CheckRelations(
        self, request: social_pb2.CheckRelationsRequest, _context: Any
    ) -> social_pb2.CheckRelationsResponse:
        """See the contract."""
        pairs = zip(map(PersonId, request.person_ids), map(PersonId, request.other_person_ids), strict=True)
        standings = await self._friendships.standings(list(pairs))
        return social_pb2.CheckRelationsResponse(
            are_friends=[standing.are_friends for standing in standings],
            are_blocked=[standing.is_blocked for standing in standings],
        )

    async def GetPersonFigures(
        self, request: social_pb2.GetPersonFiguresRequest, _context: Any
    ) -> social_pb2.GetPersonFiguresResponse:
        """See the contract."""
        figures = await self._friendships.figures(PersonId(request.person_id))
        return social_pb2.GetPersonFiguresResponse(
            friend_count=figures.friends, some_friend_person_ids=figures.some_friends
        )

    async def ReadEvents(
        self, request: social_pb2.ReadEventsRequest, _context: Any
    ) -> AsyncIterator[social_pb2.ReadEventsResponse]:
        """See the contract."""
        after_seq = request.after_seq
        check_cursor(request.shard, after_seq, await self._feed.last_seq())
        limit = batch_limit(request.batch_records, self._feed_batch_records)
        while True:
            found = await self._feed.read(after_seq, limit)
            if found:
                yield social_pb2.ReadEventsResponse(records=_records(found))
                after_seq = found[-1].seq
            else:
                await self._feed.wait_beyond(after_seq, self._feed_poll_s)


def _records(found: Sequence[FriendshipEvent | ToldEvent]) -> list[events_pb2.FeedRecord]:
    return [
        events_pb2.FeedRecord(
            seq=event.seq,
            time=timestamp(event.time_ms),
            trace_context=event.trace_context,
            event=_event(event),
        )
        for event in found
    ]


def _event(event: FriendshipEvent | ToldEvent) -> events_pb2.SocialEvent:
    if isinstance(event, ToldEvent):
        return events_pb2.SocialEvent.FromString(event.content)
    if event.end is None:
        made = events_pb2.FriendshipMade(
            low_person_id=event.pair.low,
            high_person_id=event.pair.high,
            asking_person_id=event.person,
            by_merge=event.by_merge,
        )
        return events_pb2.SocialEvent(friendship_made=made)
    ended = events_pb2.FriendshipEnded(
        low_person_id=event.pair.low,
        high_person_id=event.pair.high,
        ending_person_id=event.person,
        reason=events_pb2.FriendshipEndReason.ValueType(event.end),
    )
    return events_pb2.SocialEvent(friendship_ended=ended)
