"""Groups behind the gateway's contract: social's, with the caller as whoever acts."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import group_pb2 as gateway_pb2
from hongbao.social.v1 import group_pb2 as social_pb2
from hongbao.social.v1 import group_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.group_doors import shown_role

_SERVICE = "social"


class GroupClient:
    """Groups of the caller. Raises social's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def create(self, person_id: int, request: Any) -> Any:
        """See `GroupService.CreateGroup`."""
        asked = social_pb2.CreateGroupRequest(
            request_id=request.request_id, owner_person_id=person_id, member_person_ids=request.person_ids
        )
        answer = await self._call("CreateGroup", asked)
        return gateway_pb2.CreateGroupResponse(group_id=answer.group_id, created_at=answer.created_at)

    async def add_member(self, person_id: int, request: Any) -> Any:
        """See `GroupService.AddMember`."""
        asked = social_pb2.AddMemberRequest(
            group_id=request.group_id, adding_person_id=person_id, person_id=request.person_id
        )
        answer = await self._call("AddMember", asked)
        return gateway_pb2.AddMemberResponse(since=answer.since)

    async def remove_member(self, person_id: int, request: Any) -> Any:
        """See `GroupService.RemoveMember`."""
        asked = social_pb2.RemoveMemberRequest(
            group_id=request.group_id, owner_person_id=person_id, person_id=request.person_id
        )
        await self._call("RemoveMember", asked)
        return gateway_pb2.RemoveMemberResponse()

    async def leave(self, person_id: int, request: Any) -> Any:
        """See `GroupService.LeaveGroup`."""
        await self._call(
            "LeaveGroup", social_pb2.LeaveGroupRequest(group_id=request.group_id, person_id=person_id)
        )
        return gateway_pb2.LeaveGroupResponse()

    async def list_members(self, person_id: int, request: Any) -> Any:
        """See `GroupService.ListMembers`."""
        asked = social_pb2.ListMembersRequest(
            group_id=request.group_id,
            asking_person_id=person_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._call("ListMembers", asked)
        return gateway_pb2.ListMembersResponse(
            members=[
                gateway_pb2.Member(
                    person_id=member.person_id, since=member.since, role=shown_role(member.role)
                )
                for member in answer.members
            ],
            next_page_token=answer.next_page_token,
            owner_person_id=answer.owner_person_id,
            member_count=answer.member_count,
        )

    async def list_groups(self, person_id: int, request: Any) -> Any:
        """See `GroupService.ListGroups`."""
        asked = social_pb2.ListGroupsRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListGroups", asked)
        groups = [
            gateway_pb2.Group(
                group_id=group.group_id,
                owner_person_id=group.owner_person_id,
                member_count=group.member_count,
                created_at=group.created_at,
                since=group.since,
                role=shown_role(group.role),
            )
            for group in answer.groups
        ]
        return gateway_pb2.ListGroupsResponse(groups=groups, next_page_token=answer.next_page_token)

    async def _call(self, method: str, request: Any) -> Any:
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(group_pb2_grpc.GroupServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )
