"""Groups that envelopes are sent to."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import group_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.neighbours import GroupDoors
from services.gateway.domain.pace import LanePace
from services.gateway.domain.ports import Groups, Tokens


class GroupServicer(group_pb2_grpc.GroupServiceServicer):
    """The caller's groups."""

    def __init__(
        self, tokens: Tokens, pace: LanePace, groups: Groups, doors: GroupDoors, limit: Bulkhead
    ) -> None:
        self._tokens = tokens
        self._pace = pace
        self._groups = groups
        self._doors = doors
        self._limit = limit

    async def CreateGroup(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._groups.create(caller.person_id, request)

    async def AddMember(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._groups.add_member(caller.person_id, request)

    async def RemoveMember(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._groups.remove_member(caller.person_id, request)

    async def LeaveGroup(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._groups.leave(caller.person_id, request)

    async def ListMembers(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._groups.list_members(caller.person_id, request)

    async def ListGroups(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._groups.list_groups(caller.person_id, request)

    async def InviteMember(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._doors.invite(caller.person_id, request)

    async def AcceptGroupInvitation(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._doors.accept(caller.person_id, request)

    async def DeclineGroupInvitation(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._doors.decline(caller.person_id, request)

    async def ListGroupInvitations(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._doors.list_invitations(caller.person_id, request)

    async def SetGroupRole(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._doors.set_role(caller.person_id, request)

    async def HandOverGroup(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._doors.hand_over(caller.person_id, request)
