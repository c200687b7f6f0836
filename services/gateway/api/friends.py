"""The caller's friendships."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.ports import Friends, Tokens


class FriendServicer(gateway_pb2_grpc.FriendServiceServicer):
    """The caller's friendships."""

    def __init__(self, tokens: Tokens, social: Friends, limit: Bulkhead) -> None:
        self._tokens = tokens
        self._social = social
        self._limit = limit

    async def RequestFriend(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.request_friend(caller.person_id, request)

    async def AcceptFriend(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.accept_friend(caller.person_id, request)

    async def DeclineFriend(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.decline_friend(caller.person_id, request)

    async def ListFriends(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.list_friends(caller.person_id, request)

    async def SetRemark(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.set_remark(caller.person_id, request)

    async def ListFriendRequests(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.list_friend_requests(caller.person_id, request)

    async def RemoveFriend(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.remove_friend(caller.person_id, request)

    async def BlockPerson(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.block_person(caller.person_id, request)

    async def UnblockPerson(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.unblock_person(caller.person_id, request)

    async def ListBlocked(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.list_blocked(caller.person_id, request)
