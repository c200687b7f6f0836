"""What players send each other with their phones: calls to the gateway about envelopes, asks and groups."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import grpc

from hongbao.gateway.v1 import envelope_pb2 as gateway
from hongbao.gateway.v1 import envelope_pb2_grpc, group_pb2, group_pb2_grpc
from services.cli.gala.crowd import patiently, within
from services.cli.gala.people import Player
from services.cli.gala.players import CALL_TIMEOUT_S
from services.mesh.errors import ServiceError

R = TypeVar("R")

PAYMENT_TIMEOUT_S = 60.0
"""What was won is in the wallet a moment later; the longest that this may take, seconds."""
POLL_S = 0.2
_UNPAID = frozenset({"BALANCE_INSUFFICIENT", "ENVELOPE_REFUSED", "SENDER_LIMIT_REACHED", "SENDER_UNVERIFIED"})
"""Refusals after which nothing was taken, and sending anew makes sense once the money is there."""
_FRIENDS = gateway.Audience(friends=True)


class Sharing:
    """Everybody's app, as far as packets go from person to person."""

    def __init__(self, channel: grpc.aio.Channel, campaign_id: str) -> None:
        self._campaign_id = campaign_id
        self._envelopes = envelope_pb2_grpc.EnvelopeServiceStub(channel)
        self._groups = group_pb2_grpc.GroupServiceStub(channel)

    async def create_group(self, owner: Player, members: Sequence[Player]) -> int:
        """A group of the owner and friends; its id."""
        request = group_pb2.CreateGroupRequest(
            request_id=str(uuid.uuid4()), person_ids=[member.person_id for member in members]
        )
        created = await patiently(
            lambda: self._groups.CreateGroup(request, metadata=owner.credentials, timeout=CALL_TIMEOUT_S)
        )
        return created.group_id

    async def bring_into_group(self, owner: Player, group_id: int, friend: Player) -> None:
        """The owner invites a friend, who accepts."""
        invite = group_pb2.InviteMemberRequest(group_id=group_id, person_id=friend.person_id)
        await patiently(
            lambda: self._groups.InviteMember(invite, metadata=owner.credentials, timeout=CALL_TIMEOUT_S)
        )
        accept = group_pb2.AcceptGroupInvitationRequest(group_id=group_id)
        await patiently(
            lambda: self._groups.AcceptGroupInvitation(
                accept, metadata=friend.credentials, timeout=CALL_TIMEOUT_S
            )
        )

    async def send_to_group(
        self, sender: Player, group_id: int, amount_fen: int, shares: int
    ) -> gateway.Envelope:
        """A lucky packet for a group."""

        async def send(request_id: str) -> gateway.Envelope:
            request = gateway.SendEnvelopeRequest(
                request_id=request_id,
                kind=gateway.ENVELOPE_KIND_LUCKY,
                audience=gateway.Audience(group_id=group_id),
                amount_fen=amount_fen,
                share_count=shares,
                note="恭喜发财",
            )
            answer = await self._envelopes.SendEnvelope(
                request, metadata=sender.credentials, timeout=CALL_TIMEOUT_S
            )
            return answer.envelope

        return await _paid(send)

    async def send_on(
        self, sender: Player, round_id: str = "", *, envelope_id: int = 0, shares: int
    ) -> gateway.Envelope:
        """What the sender won in a round, or got out of an envelope, becomes a lucky packet for friends."""
        if round_id:
            won_in = gateway.RoundOfPacket(campaign_id=self._campaign_id, round_id=round_id)
            source = gateway.PacketSource(round=won_in)
        else:
            source = gateway.PacketSource(envelope_id=envelope_id)

        async def send(request_id: str) -> gateway.Envelope:
            request = gateway.ReissuePacketRequest(
                request_id=request_id, source=source, audience=_FRIENDS, share_count=shares
            )
            answer = await self._envelopes.ReissuePacket(
                request, metadata=sender.credentials, timeout=CALL_TIMEOUT_S
            )
            return answer.envelope

        return await _paid(send)

    async def claim(self, player: Player, envelope_id: int) -> gateway.Share:
        """The player's share."""
        request = gateway.ClaimEnvelopeRequest(envelope_id=envelope_id)
        answer = await patiently(
            lambda: self._envelopes.ClaimEnvelope(
                request, metadata=player.credentials, timeout=CALL_TIMEOUT_S
            )
        )
        return answer.share

    async def look(self, player: Player, envelope_id: int) -> gateway.GetEnvelopeResponse:
        """An envelope and who got what."""
        request = gateway.GetEnvelopeRequest(envelope_id=envelope_id, page_size=1_000)
        return await patiently(
            lambda: self._envelopes.GetEnvelope(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S)
        )

    async def ask(self, asking: Player, giver: Player, amount_fen: int) -> int:
        """Asks a friend for a packet; the ask's id."""
        request = gateway.MakeAskRequest(
            request_id=str(uuid.uuid4()), person_id=giver.person_id, amount_fen=amount_fen, note="红包拿来"
        )
        answer = await patiently(
            lambda: self._envelopes.MakeAsk(request, metadata=asking.credentials, timeout=CALL_TIMEOUT_S)
        )
        return answer.ask.ask_id

    async def answer(self, giver: Player, ask_id: int, amount_fen: int) -> None:
        """Answers an ask with a packet for who asked."""

        async def send(request_id: str) -> None:
            request = gateway.AnswerAskRequest(request_id=request_id, ask_id=ask_id, amount_fen=amount_fen)
            await self._envelopes.AnswerAsk(request, metadata=giver.credentials, timeout=CALL_TIMEOUT_S)

        await _paid(send)

    async def decline(self, giver: Player, ask_id: int) -> None:
        """Declines an ask."""
        request = gateway.DeclineAskRequest(ask_id=ask_id)
        await patiently(
            lambda: self._envelopes.DeclineAsk(request, metadata=giver.credentials, timeout=CALL_TIMEOUT_S)
        )

    async def read_ask(self, asking: Player, ask_id: int) -> gateway.Ask:
        """What has become of an ask."""
        request = gateway.GetAskRequest(ask_id=ask_id)
        answer = await patiently(
            lambda: self._envelopes.GetAsk(request, metadata=asking.credentials, timeout=CALL_TIMEOUT_S)
        )
        return answer.ask


async def _paid(send: Callable[[str], Awaitable[R]]) -> R:
    """Sends with a request id until it is paid for: what was won reaches wallets a moment later."""
    request_id = str(uuid.uuid4())
    async with within(PAYMENT_TIMEOUT_S, "a packet that is sent on is still not paid for"):
        while True:
            try:
                return await patiently(partial(send, request_id))
            except ServiceError as error:
                if error.reason in _UNPAID:
                    request_id = str(uuid.uuid4())
                elif error.reason != "ENVELOPE_PENDING":
                    raise
            await asyncio.sleep(POLL_S)
