"""Invitations behind the gateway's contract: social's, with the caller as whoever acts."""

from __future__ import annotations

from google.protobuf.message import Message

from hongbao.gateway.v1 import invitation_pb2 as gateway_pb2
from hongbao.social.v1 import invitation_pb2 as social_pb2
from hongbao.social.v1.invitation_pb2_grpc import InvitationServiceStub
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.retelling import MessageT, asked, retold

_SERVICE = "social"


class InvitationClient:
    """`Invitations` of social. Raises its errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def create(self, person_id: int, request: Message) -> Message:
        """See `Invitations.create`."""
        wanted = asked(social_pb2.CreateInvitationRequest, request, inviting_person_id=person_id)
        return await self._call("CreateInvitation", wanted, gateway_pb2.CreateInvitationResponse)

    async def accept(self, person_id: int, request: Message) -> Message:
        """See `Invitations.accept`."""
        wanted = asked(social_pb2.AcceptInvitationRequest, request, person_id=person_id)
        return await self._call("AcceptInvitation", wanted, gateway_pb2.AcceptInvitationResponse)

    async def list_invited(self, person_id: int, request: Message) -> Message:
        """See `Invitations.list_invited`."""
        wanted = asked(social_pb2.ListInvitedRequest, request, inviting_person_id=person_id)
        return await self._call("ListInvited", wanted, gateway_pb2.ListInvitedResponse)

    async def _call(self, method: str, request: Message, kind: type[MessageT]) -> MessageT:
        answer: Message = await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(InvitationServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )
        return retold(kind, answer)
