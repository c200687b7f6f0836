"""Envelopes and asks behind the gateway's contract: allocation's, with the caller as whoever acts."""

from __future__ import annotations

from typing import Any

from hongbao.allocation.v1 import envelope_events_pb2, envelope_pb2_grpc
from hongbao.allocation.v1 import envelope_pb2 as allocation_pb2
from hongbao.gateway.v1 import envelope_pb2 as gateway_pb2
from services.gateway.adapters.forwarding import Forwarding

_SERVICE = "allocation"


class EnvelopeClient:
    """Envelopes and asks of the caller. Raises allocation's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def send(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.SendEnvelope`."""
        asked = allocation_pb2.SendEnvelopeRequest(
            request_id=request.request_id,
            sender_id=person_id,
            kind=envelope_events_pb2.EnvelopeKind.Value(gateway_pb2.EnvelopeKind.Name(request.kind)),
            audience=_audience_asked(request.audience),
            amount_fen=request.amount_fen,
            share_count=request.share_count,
            note=request.note,
        )
        answer = await self._call("SendEnvelope", person_id, asked)
        return gateway_pb2.SendEnvelopeResponse(envelope=_envelope(answer.envelope))

    async def reissue(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.ReissuePacket`."""
        asked = allocation_pb2.ReissuePacketRequest(
            request_id=request.request_id,
            sender_id=person_id,
            source=_source_asked(request.source),
            audience=_audience_asked(request.audience),
            share_count=request.share_count,
            note=request.note,
        )
        answer = await self._call("ReissuePacket", person_id, asked)
        return gateway_pb2.ReissuePacketResponse(envelope=_envelope(answer.envelope))

    async def claim(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.ClaimEnvelope`."""
        asked = allocation_pb2.ClaimEnvelopeRequest(envelope_id=request.envelope_id, person_id=person_id)
        answer = await self._call("ClaimEnvelope", request.envelope_id, asked)
        return gateway_pb2.ClaimEnvelopeResponse(
            share=_share(answer.share),
            already_claimed=answer.already_claimed,
            envelope=_envelope(answer.envelope),
        )

    async def get(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.GetEnvelope`."""
        asked = allocation_pb2.GetEnvelopeRequest(
            envelope_id=request.envelope_id,
            person_id=person_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._call("GetEnvelope", request.envelope_id, asked)
        return gateway_pb2.GetEnvelopeResponse(
            envelope=_envelope(answer.envelope),
            shares=[_share(share) for share in answer.shares],
            next_page_token=answer.next_page_token,
        )

    async def list_sent(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.ListEnvelopes`."""
        asked = allocation_pb2.ListEnvelopesRequest(
            sender_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListEnvelopes", person_id, asked)
        return gateway_pb2.ListEnvelopesResponse(
            envelopes=[_envelope(found) for found in answer.envelopes],
            next_page_token=answer.next_page_token,
        )

    async def make_ask(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.MakeAsk`."""
        asked = allocation_pb2.MakeAskRequest(
            request_id=request.request_id,
            asker_id=person_id,
            giver_id=request.person_id,
            amount_fen=request.amount_fen,
            note=request.note,
        )
        answer = await self._call("MakeAsk", request.person_id, asked)
        return gateway_pb2.MakeAskResponse(ask=_ask(answer.ask))

    async def answer_ask(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.AnswerAsk`."""
        asked = allocation_pb2.AnswerAskRequest(
            request_id=request.request_id,
            ask_id=request.ask_id,
            giver_id=person_id,
            amount_fen=request.amount_fen,
            note=request.note,
        )
        answer = await self._call("AnswerAsk", request.ask_id, asked)
        return gateway_pb2.AnswerAskResponse(envelope=_envelope(answer.envelope), ask=_ask(answer.ask))

    async def decline_ask(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.DeclineAsk`."""
        asked = allocation_pb2.DeclineAskRequest(ask_id=request.ask_id, giver_id=person_id)
        answer = await self._call("DeclineAsk", request.ask_id, asked)
        return gateway_pb2.DeclineAskResponse(ask=_ask(answer.ask))

    async def get_ask(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.GetAsk`."""
        asked = allocation_pb2.GetAskRequest(ask_id=request.ask_id, person_id=person_id)
        answer = await self._call("GetAsk", request.ask_id, asked)
        return gateway_pb2.GetAskResponse(ask=_ask(answer.ask))

    async def list_asks(self, person_id: int, request: Any) -> Any:
        """See `EnvelopeService.ListAsks`."""
        asked = allocation_pb2.ListAsksRequest(
            giver_id=person_id,
            open_only=request.open_only,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._call("ListAsks", person_id, asked)
        return gateway_pb2.ListAsksResponse(
            asks=[_ask(found) for found in answer.asks], next_page_token=answer.next_page_token
        )

    async def _call(self, method: str, key: int, request: Any) -> Any:
        """Calls the owner of the shard of `key`: a person's id, an envelope's or an ask's."""
        return await self._forwarding.to_owner_of(
            _SERVICE,
            key,
            lambda channel, timeout_s: getattr(envelope_pb2_grpc.EnvelopeServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )


def _audience_asked(audience: Any) -> envelope_events_pb2.Audience:
    which = audience.WhichOneof("audience")
    return envelope_events_pb2.Audience(**{which: getattr(audience, which)})


def _source_asked(source: Any) -> envelope_events_pb2.PacketSource:
    if source.WhichOneof("source") == "envelope_id":
        return envelope_events_pb2.PacketSource(envelope_id=source.envelope_id)
    # Slugs have no dots, so the id of a stock names its round in one way only.
    stock_id = f"{source.round.campaign_id}.{source.round.round_id}"
    return envelope_events_pb2.PacketSource(stock_id=stock_id)


def _source(found: Any) -> gateway_pb2.PacketSource:
    if found.WhichOneof("source") == "envelope_id":
        return gateway_pb2.PacketSource(envelope_id=found.envelope_id)
    campaign_id, _, round_id = found.stock_id.partition(".")
    return gateway_pb2.PacketSource(
        round=gateway_pb2.RoundOfPacket(campaign_id=campaign_id, round_id=round_id)
    )


def _audience(found: Any) -> gateway_pb2.Audience:
    which = found.WhichOneof("audience")
    return gateway_pb2.Audience(**({which: getattr(found, which)} if which else {}))


def _envelope(found: Any) -> gateway_pb2.Envelope:
    return gateway_pb2.Envelope(
        envelope_id=found.envelope_id,
        sender_person_id=found.sender_id,
        kind=gateway_pb2.EnvelopeKind.Value(envelope_events_pb2.EnvelopeKind.Name(found.kind)),
        audience=_audience(found.audience),
        amount_fen=found.amount_fen,
        share_count=found.share_count,
        note=found.note,
        state=gateway_pb2.EnvelopeState.Value(allocation_pb2.EnvelopeState.Name(found.state)),
        created_at=found.created_at,
        expires_at=found.expires_at,
        ended_at=found.ended_at if found.HasField("ended_at") else None,
        shares_claimed=found.shares_claimed,
        claimed_fen=found.claimed_fen,
        returned_fen=found.returned_fen,
        best_luck_person_id=found.best_luck_person_id,
        lineage=[_source(source) for source in found.lineage],
        ask_id=found.ask_id,
        seed_commitment=found.seed_commitment,
        seed=found.seed,
        split_rule=found.split_rule,
        share_min_fen=found.share_min_fen,
    )


def _share(found: Any) -> gateway_pb2.Share:
    return gateway_pb2.Share(
        share_index=found.share_index,
        person_id=found.person_id,
        amount_fen=found.amount_fen,
        claimed_at=found.claimed_at,
        is_best_luck=found.best_luck,
    )


def _ask(found: Any) -> gateway_pb2.Ask:
    return gateway_pb2.Ask(
        ask_id=found.ask_id,
        asking_person_id=found.asker_id,
        giving_person_id=found.giver_id,
        amount_fen=found.amount_fen,
        note=found.note,
        state=gateway_pb2.AskState.Value(allocation_pb2.AskState.Name(found.state)),
        made_at=found.made_at,
        expires_at=found.expires_at,
        ended_at=found.ended_at if found.HasField("ended_at") else None,
        envelope_id=found.envelope_id,
    )
