"""Coming into social's groups, and leading them, behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import group_pb2 as gateway_pb2
from hongbao.social.v1 import group_pb2 as social_pb2
from hongbao.social.v1 import group_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding


class GroupDoorClient:
    """Invitations and roles of the caller. Raises social's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def invite(self, person_id: int, request: Any) -> Any:
        """See `GroupService.InviteMember`."""
        asked = social_pb2.InviteMemberRequest(
            group_id=request.group_id, inviting_person_id=person_id, person_id=request.person_id
        )
        answer = await self._call("InviteMember", asked)
        state = gateway_pb2.GroupInvitationState.Value(social_pb2.GroupInvitationState.Name(answer.state))
        return gateway_pb2.InviteMemberResponse(state=state, expires_at=answer.expires_at)

    async def accept(self, person_id: int, request: Any) -> Any:
        """See `GroupService.AcceptGroupInvitation`."""
        asked = social_pb2.AcceptGroupInvitationRequest(group_id=request.group_id, person_id=person_id)
        answer = await self._call("AcceptGroupInvitation", asked)
        return gateway_pb2.AcceptGroupInvitationResponse(since=answer.since)

    async def decline(self, person_id: int, request: Any) -> Any:
        """See `GroupService.DeclineGroupInvitation`."""
        asked = social_pb2.DeclineGroupInvitationRequest(group_id=request.group_id, person_id=person_id)
        await self._call("DeclineGroupInvitation", asked)
        return gateway_pb2.DeclineGroupInvitationResponse()

    async def list_invitations(self, person_id: int, request: Any) -> Any:
        """See `GroupService.ListGroupInvitations`."""
        asked = social_pb2.ListGroupInvitationsRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListGroupInvitations", asked)
        invitations = [
            gateway_pb2.GroupInvitation(
                group_id=invitation.group_id,
                inviting_person_id=invitation.inviting_person_id,
                member_count=invitation.member_count,
                expires_at=invitation.expires_at,
            )
            for invitation in answer.invitations
        ]
        return gateway_pb2.ListGroupInvitationsResponse(
            invitations=invitations, next_page_token=answer.next_page_token
        )

    async def set_role(self, person_id: int, request: Any) -> Any:
        """See `GroupService.SetGroupRole`."""
        role = social_pb2.GroupRole.Value(gateway_pb2.GroupRole.Name(request.role))
        asked = social_pb2.SetGroupRoleRequest(
            group_id=request.group_id, owner_person_id=person_id, person_id=request.person_id, role=role
        )
        await self._call("SetGroupRole", asked)
        return gateway_pb2.SetGroupRoleResponse()

    async def hand_over(self, person_id: int, request: Any) -> Any:
        """See `GroupService.HandOverGroup`."""
        asked = social_pb2.HandOverGroupRequest(
            group_id=request.group_id, owner_person_id=person_id, person_id=request.person_id
        )
        await self._call("HandOverGroup", asked)
        return gateway_pb2.HandOverGroupResponse()

    async def _call(self, method: str, request: Any) -> Any:
        return await self._forwarding.to_member(
            "social",
            lambda channel, timeout_s: getattr(group_pb2_grpc.GroupServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )


def shown_role(role: int) -> gateway_pb2.GroupRole.ValueType:
    """A role as the gateway's contract names it."""
    return gateway_pb2.GroupRole.Value(social_pb2.GroupRole.Name(social_pb2.GroupRole.ValueType(role)))
