"""Social behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2
from hongbao.social.v1 import social_pb2, social_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding

_SERVICE = "social"


class SocialClient:
    """Friendships of the caller. Raises social's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def request_friend(self, person_id: int, request: Any) -> Any:
        """See `FriendService.RequestFriend`."""
        asked = social_pb2.RequestFriendRequest(asking_person_id=person_id, other_person_id=request.person_id)
        answer = await self._call("RequestFriend", asked)
        state = gateway_pb2.RelationState.Value(social_pb2.RelationState.Name(answer.state))
        return gateway_pb2.RequestFriendResponse(state=state)

    async def accept_friend(self, person_id: int, request: Any) -> Any:
        """See `FriendService.AcceptFriend`."""
        asked = social_pb2.AcceptFriendRequest(person_id=person_id, asking_person_id=request.person_id)
        answer = await self._call("AcceptFriend", asked)
        return gateway_pb2.AcceptFriendResponse(since=answer.since)

    async def decline_friend(self, person_id: int, request: Any) -> Any:
        """See `FriendService.DeclineFriend`."""
        asked = social_pb2.DeclineFriendRequest(person_id=person_id, asking_person_id=request.person_id)
        await self._call("DeclineFriend", asked)
        return gateway_pb2.DeclineFriendResponse()

    async def list_friends(self, person_id: int, request: Any) -> Any:
        """See `FriendService.ListFriends`."""
        asked = social_pb2.ListFriendsRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListFriends", asked)
        friends = [
            gateway_pb2.Friend(person_id=friend.person_id, since=friend.since, remark=friend.remark)
            for friend in answer.friends
        ]
        return gateway_pb2.ListFriendsResponse(friends=friends, next_page_token=answer.next_page_token)

    async def set_remark(self, person_id: int, request: Any) -> Any:
        """See `FriendService.SetRemark`."""
        asked = social_pb2.SetRemarkRequest(
            person_id=person_id, friend_person_id=request.person_id, remark=request.remark
        )
        await self._call("SetRemark", asked)
        return gateway_pb2.SetRemarkResponse()

    async def list_friend_requests(self, person_id: int, request: Any) -> Any:
        """See `FriendService.ListFriendRequests`."""
        asked = social_pb2.ListFriendRequestsRequest(
            person_id=person_id,
            direction=social_pb2.REQUEST_DIRECTION_INCOMING,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._call("ListFriendRequests", asked)
        waiting = [
            gateway_pb2.FriendRequest(person_id=found.asking_person_id, requested_at=found.asked_at)
            for found in answer.requests
        ]
        return gateway_pb2.ListFriendRequestsResponse(
            requests=waiting, next_page_token=answer.next_page_token
        )

    async def remove_friend(self, person_id: int, request: Any) -> Any:
        """See `FriendService.RemoveFriend`."""
        asked = social_pb2.RemoveFriendRequest(person_id=person_id, other_person_id=request.person_id)
        await self._call("RemoveFriend", asked)
        return gateway_pb2.RemoveFriendResponse()

    async def block_person(self, person_id: int, request: Any) -> Any:
        """See `FriendService.BlockPerson`."""
        asked = social_pb2.BlockPersonRequest(person_id=person_id, other_person_id=request.person_id)
        await self._call("BlockPerson", asked)
        return gateway_pb2.BlockPersonResponse()

    async def unblock_person(self, person_id: int, request: Any) -> Any:
        """See `FriendService.UnblockPerson`."""
        asked = social_pb2.UnblockPersonRequest(person_id=person_id, other_person_id=request.person_id)
        await self._call("UnblockPerson", asked)
        return gateway_pb2.UnblockPersonResponse()

    async def list_blocked(self, person_id: int, request: Any) -> Any:
        """See `FriendService.ListBlocked`."""
        asked = social_pb2.ListBlockedRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListBlocked", asked)
        return gateway_pb2.ListBlockedResponse(
            person_ids=answer.person_ids, next_page_token=answer.next_page_token
        )

    async def _call(self, method: str, request: Any) -> Any:
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(social_pb2_grpc.SocialServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )
