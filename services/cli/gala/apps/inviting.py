"""What people do to bring others into the campaign."""

from __future__ import annotations

import grpc

from hongbao.gateway.v1 import invitation_pb2 as pb
from hongbao.gateway.v1 import invitation_pb2_grpc
from services.cli.gala.apps.calling import called
from services.cli.gala.people import Player


class Inviting:
    """Everybody's app, as far as invitations go."""

    def __init__(self, channel: grpc.aio.Channel, campaign_id: str) -> None:
        self._campaign_id = campaign_id
        self._invitations = invitation_pb2_grpc.InvitationServiceStub(channel)

    async def invite(self, player: Player) -> str:
        """The code of the player's invitation."""
        request = pb.CreateInvitationRequest(campaign_id=self._campaign_id)
        return (await called(player, self._invitations.CreateInvitation, request)).code

    async def accept(self, player: Player, code: str) -> None:
        """Accepts somebody's invitation."""
        await called(player, self._invitations.AcceptInvitation, pb.AcceptInvitationRequest(code=code))

    async def fulfilled(self, player: Player) -> int:
        """How many of those whom the player invited have earned both a card."""
        request = pb.ListInvitedRequest(campaign_id=self._campaign_id, page_size=1_000)
        answer = await called(player, self._invitations.ListInvited, request)
        return sum(invited.state == pb.INVITED_STATE_FULFILLED for invited in answer.invited)
