"""The contract of groups in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.social.v1 import group_pb2
from hongbao.social.v1.group_pb2_grpc import GroupServiceServicer
from services.mesh.timestamps import timestamp
from services.social.domain.group import GroupId, Role
from services.social.domain.groups import Groups
from services.social.domain.relation import PersonId


class GroupApi(GroupServiceServicer):
    """Serves `hongbao.social.v1.GroupService`."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    async def CreateGroup(
        self, request: group_pb2.CreateGroupRequest, _context: Any
    ) -> group_pb2.CreateGroupResponse:
        """See the contract."""
        members = [PersonId(member) for member in request.member_person_ids]
        group = await self._groups.create(PersonId(request.owner_person_id), members, request.request_id)
        return group_pb2.CreateGroupResponse(group_id=group.group_id, created_at=timestamp(group.created_ms))

    async def AddMember(
        self, request: group_pb2.AddMemberRequest, _context: Any
    ) -> group_pb2.AddMemberResponse:
        """See the contract."""
        since_ms = await self._groups.add(
            GroupId(request.group_id), PersonId(request.adding_person_id), PersonId(request.person_id)
        )
        return group_pb2.AddMemberResponse(since=timestamp(since_ms))

    async def RemoveMember(
        self, request: group_pb2.RemoveMemberRequest, _context: Any
    ) -> group_pb2.RemoveMemberResponse:
        """See the contract."""
        await self._groups.remove(
            GroupId(request.group_id), PersonId(request.owner_person_id), PersonId(request.person_id)
        )
        return group_pb2.RemoveMemberResponse()

    async def LeaveGroup(
        self, request: group_pb2.LeaveGroupRequest, _context: Any
    ) -> group_pb2.LeaveGroupResponse:
        """See the contract."""
        await self._groups.leave(GroupId(request.group_id), PersonId(request.person_id))
        return group_pb2.LeaveGroupResponse()

    async def InviteMember(
        self, request: group_pb2.InviteMemberRequest, _context: Any
    ) -> group_pb2.InviteMemberResponse:
        """See the contract."""
        invitation = await self._groups.invite(
            GroupId(request.group_id), PersonId(request.inviting_person_id), PersonId(request.person_id)
        )
        return group_pb2.InviteMemberResponse(
            state=group_pb2.GroupInvitationState.ValueType(invitation.answer),
            expires_at=timestamp(invitation.expires_ms),
        )

    async def AcceptGroupInvitation(
        self, request: group_pb2.AcceptGroupInvitationRequest, _context: Any
    ) -> group_pb2.AcceptGroupInvitationResponse:
        """See the contract."""
        since_ms = await self._groups.accept(GroupId(request.group_id), PersonId(request.person_id))
        return group_pb2.AcceptGroupInvitationResponse(since=timestamp(since_ms))

    async def DeclineGroupInvitation(
        self, request: group_pb2.DeclineGroupInvitationRequest, _context: Any
    ) -> group_pb2.DeclineGroupInvitationResponse:
        """See the contract."""
        await self._groups.decline(GroupId(request.group_id), PersonId(request.person_id))
        return group_pb2.DeclineGroupInvitationResponse()

    async def ListGroupInvitations(
        self, request: group_pb2.ListGroupInvitationsRequest, _context: Any
    ) -> group_pb2.ListGroupInvitationsResponse:
        """See the contract."""
        page = await self._groups.invitations(
            PersonId(request.person_id), request.page_size, request.page_token
        )
        found = [
            group_pb2.GroupInvitation(
                group_id=invited.group.group_id,
                inviting_person_id=invited.invitation.inviting,
                member_count=invited.group.member_count,
                expires_at=timestamp(invited.invitation.expires_ms),
            )
            for invited in page.invitations
        ]
        return group_pb2.ListGroupInvitationsResponse(invitations=found, next_page_token=page.next_page_token)

    async def SetGroupRole(
        self, request: group_pb2.SetGroupRoleRequest, _context: Any
    ) -> group_pb2.SetGroupRoleResponse:
        """See the contract."""
        await self._groups.set_role(
            GroupId(request.group_id),
            PersonId(request.owner_person_id),
            PersonId(request.person_id),
            Role(request.role),
        )
        return group_pb2.SetGroupRoleResponse()

    async def HandOverGroup(
        self, request: group_pb2.HandOverGroupRequest, _context: Any
    ) -> group_pb2.HandOverGroupResponse:
        """See the contract."""
        await self._groups.hand_over(
            GroupId(request.group_id), PersonId(request.owner_person_id), PersonId(request.person_id)
        )
        return group_pb2.HandOverGroupResponse()

    async def ListMembers(
        self, request: group_pb2.ListMembersRequest, _context: Any
    ) -> group_pb2.ListMembersResponse:
        """See the contract."""
        page = await self._groups.members(
            GroupId(request.group_id),
            PersonId(request.asking_person_id),
            request.page_size,
            request.page_token,
        )
        return group_pb2.ListMembersResponse(
            members=[
                group_pb2.Member(
                    person_id=member.person,
                    since=timestamp(member.since_ms),
                    role=group_pb2.GroupRole.ValueType(member.role),
                )
                for member in page.members
            ],
            next_page_token=page.next_page_token,
            owner_person_id=page.group.owner,
            member_count=page.group.member_count,
        )

    async def ListGroups(
        self, request: group_pb2.ListGroupsRequest, _context: Any
    ) -> group_pb2.ListGroupsResponse:
        """See the contract."""
        page = await self._groups.of_person(
            PersonId(request.person_id), request.page_size, request.page_token
        )
        found = [
            group_pb2.Group(
                group_id=known.group.group_id,
                owner_person_id=known.group.owner,
                member_count=known.group.member_count,
                created_at=timestamp(known.group.created_ms),
                since=timestamp(known.since_ms),
                role=group_pb2.GroupRole.ValueType(known.role),
            )
            for known in page.memberships
        ]
        return group_pb2.ListGroupsResponse(groups=found, next_page_token=page.next_page_token)

    async def CheckMembers(
        self, request: group_pb2.CheckMembersRequest, _context: Any
    ) -> group_pb2.CheckMembersResponse:
        """See the contract."""
        people = [PersonId(person) for person in request.person_ids]
        are_members = await self._groups.check(GroupId(request.group_id), people)
        return group_pb2.CheckMembersResponse(are_members=are_members)
