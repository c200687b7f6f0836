"""Allocation and cards, as far as messages need them: what something is, and where it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from hongbao.allocation.v1 import envelope_pb2, envelope_pb2_grpc
from hongbao.cards.v1 import events_pb2 as cards_events_pb2
from hongbao.cards.v1 import exchanges_pb2, exchanges_pb2_grpc
from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.reach import Reach
from services.mesh.shards.hashing import shard_of
from services.social.domain.chat.attachments import CLAIMS_SHOWN_MAX, Claim, Sight, State, Status, name_of
from services.social.domain.chat.errors import AttachmentUnknown
from services.social.domain.chat.message import Attachment, CardAsk, Gift, Packet, PacketAsk
from services.social.domain.group import GroupId
from services.social.domain.relation import PersonId

_NOT_FOR_THEM = (ErrorKind.NOT_FOUND, ErrorKind.DENIED)
_ENVELOPES = {
    envelope_pb2.ENVELOPE_STATE_OPEN: State.OPEN,
    envelope_pb2.ENVELOPE_STATE_FINISHED: State.SOLD_OUT,
    envelope_pb2.ENVELOPE_STATE_EXPIRED: State.EXPIRED,
    envelope_pb2.ENVELOPE_STATE_REFUSED: State.BROKEN,
}
_ASKS = {
    envelope_pb2.ASK_STATE_OPEN: State.OPEN,
    envelope_pb2.ASK_STATE_ANSWERED: State.ANSWERED,
    envelope_pb2.ASK_STATE_DECLINED: State.DECLINED,
    envelope_pb2.ASK_STATE_EXPIRED: State.EXPIRED,
}
_EXCHANGES = {
    cards_events_pb2.EXCHANGE_STATE_OFFERED: State.OPEN,
    cards_events_pb2.EXCHANGE_STATE_OPEN: State.OPEN,
    cards_events_pb2.EXCHANGE_STATE_ACCEPTED: State.ACCEPTED,
    cards_events_pb2.EXCHANGE_STATE_ANSWERED: State.ANSWERED,
    cards_events_pb2.EXCHANGE_STATE_DECLINED: State.DECLINED,
    cards_events_pb2.EXCHANGE_STATE_TAKEN_BACK: State.TAKEN_BACK,
    cards_events_pb2.EXCHANGE_STATE_EXPIRED: State.EXPIRED,
    cards_events_pb2.EXCHANGE_STATE_BROKEN: State.BROKEN,
}


class Questions:
    """Asks whoever owns the shard. Raises `AttachmentUnknown`, and other errors as they come."""

    def __init__(self, reach: Reach, clock: Clock, call_ms: int) -> None:
        self._reach = reach
        self._clock = clock
        self._call_s = call_ms / 1000

    async def ask(self, attachment: Attachment, person: PersonId) -> Sight:
        """What it is, as the person may see it."""
        try:
            if isinstance(attachment, Packet):
                return await self._packet(attachment, person)
            if isinstance(attachment, PacketAsk):
                return await self._packet_ask(attachment, person)
            return await self._exchange(attachment, person)
        except ServiceError as error:
            if error.kind in _NOT_FOR_THEM:
                raise AttachmentUnknown(name_of(attachment)) from error
            raise

    async def _packet(self, packet: Packet, person: PersonId) -> Sight:
        request = envelope_pb2.GetEnvelopeRequest(
            envelope_id=packet.envelope_id, person_id=person, page_size=CLAIMS_SHOWN_MAX
        )
        found = await self._call(
            "allocation",
            packet.envelope_id,
            lambda channel, timeout_s: envelope_pb2_grpc.EnvelopeServiceStub(channel).GetEnvelope(
                request, timeout=timeout_s
            ),
        )
        envelope = found.envelope
        audience = envelope.audience
        status = Status(
            # PENDING: it is not said yet whether anybody can claim.
            state=_ENVELOPES.get(envelope.state, State.UNKNOWN),
            learned_ms=self._clock.now_ms(),
            claims=tuple(Claim(PersonId(share.person_id), share.amount_fen) for share in found.shares),
            shares_claimed=envelope.shares_claimed,
            share_count=envelope.share_count,
            claimed_fen=envelope.claimed_fen,
            amount_fen=envelope.amount_fen,
        )
        return Sight(
            owner=PersonId(envelope.sender_id),
            person=PersonId(audience.person_id) if audience.person_id else None,
            group_id=GroupId(audience.group_id) if audience.group_id else None,
            status=status,
        )

    async def _packet_ask(self, ask: PacketAsk, person: PersonId) -> Sight:
        request = envelope_pb2.GetAskRequest(ask_id=ask.ask_id, person_id=person)
        found = await self._call(
            "allocation",
            ask.ask_id,
            lambda channel, timeout_s: envelope_pb2_grpc.EnvelopeServiceStub(channel).GetAsk(
                request, timeout=timeout_s
            ),
        )
        status = Status(
            state=_ASKS.get(found.ask.state, State.UNKNOWN),
            learned_ms=self._clock.now_ms(),
            amount_fen=found.ask.amount_fen,
            envelope_id=found.ask.envelope_id,
        )
        return Sight(PersonId(found.ask.asker_id), PersonId(found.ask.giver_id), None, status)

    async def _exchange(self, card: Gift | CardAsk, person: PersonId) -> Sight:
        request = exchanges_pb2.GetExchangeRequest(
            campaign_id=card.campaign_id, person_id=person, exchange_id=card.exchange_id
        )
        found = await self._call(
            "cards",
            person,
            lambda channel, timeout_s: exchanges_pb2_grpc.ExchangeServiceStub(channel).GetExchange(
                request, timeout=timeout_s
            ),
        )
        exchange = found.exchange
        giver, receiver = PersonId(exchange.giver_person_id), PersonId(exchange.receiver_person_id)
        is_gift = exchange.kind == cards_events_pb2.EXCHANGE_KIND_GIFT
        if is_gift != isinstance(card, Gift):
            raise AttachmentUnknown(name_of(card))
        status = Status(_EXCHANGES.get(exchange.state, State.UNKNOWN), self._clock.now_ms())
        return Sight(giver, receiver, None, status) if is_gift else Sight(receiver, giver, None, status)

    async def _call(
        self, service: str, key: int, call: Callable[[grpc.aio.Channel, float], Awaitable[Any]]
    ) -> Any:
        router = self._reach.routers[service]

        async def attempt(address: str, timeout_s: float) -> Any:
            return await call(self._reach.channels.channel(address), timeout_s)

        return await router.call(shard_of(key, router.map.shard_count), attempt, self._call_s)
