"""The contract of invitations in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.social.v1 import invitation_pb2
from hongbao.social.v1.invitation_pb2_grpc import InvitationServiceServicer
from services.mesh.timestamps import timestamp, timestamp_or_none
from services.social.domain.invitations.invitation import Acceptance, CampaignId
from services.social.domain.invitations.invitations import Invitations
from services.social.domain.relation import PersonId


class InvitationApi(InvitationServiceServicer):
    """Serves `hongbao.social.v1.InvitationService`."""

    def __init__(self, invitations: Invitations) -> None:
        self._invitations = invitations

    async def CreateInvitation(
        self, request: invitation_pb2.CreateInvitationRequest, _context: Any
    ) -> invitation_pb2.CreateInvitationResponse:
        """See the contract."""
        made = await self._invitations.create(
            PersonId(request.inviting_person_id), CampaignId(request.campaign_id)
        )
        return invitation_pb2.CreateInvitationResponse(code=made.code, created_at=timestamp(made.created_ms))

    async def AcceptInvitation(
        self, request: invitation_pb2.AcceptInvitationRequest, _context: Any
    ) -> invitation_pb2.AcceptInvitationResponse:
        """See the contract."""
        accepted = await self._invitations.accept(PersonId(request.person_id), request.code)
        return invitation_pb2.AcceptInvitationResponse(
            campaign_id=accepted.campaign_id,
            inviting_person_id=accepted.inviting,
            accepted_at=timestamp(accepted.accepted_ms),
        )

    async def ListInvited(
        self, request: invitation_pb2.ListInvitedRequest, _context: Any
    ) -> invitation_pb2.ListInvitedResponse:
        """See the contract."""
        page = await self._invitations.invited(
            PersonId(request.inviting_person_id),
            CampaignId(request.campaign_id),
            request.page_size,
            request.page_token,
        )
        return invitation_pb2.ListInvitedResponse(
            invited=map(_invited, page.accepted), next_page_token=page.next_page_token
        )


def _invited(known: Acceptance) -> invitation_pb2.Invited:
    return invitation_pb2.Invited(
        person_id=known.invited,
        accepted_at=timestamp(known.accepted_ms),
        state=invitation_pb2.InvitedState.ValueType(known.state),
        ended_at=timestamp_or_none(known.ended_ms),
    )
