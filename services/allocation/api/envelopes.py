"""`EnvelopeService`: envelopes and asks, answered by the owner of the sender's, or the giver's, shard."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hongbao.allocation.v1 import envelope_events_pb2, envelope_pb2, envelope_pb2_grpc, events_pb2
from services.allocation.api.envelope_messages import (
    ask_message,
    envelope_message,
    order_to_answer,
    order_to_reissue,
    order_to_send,
    share_message,
    share_messages,
)
from services.allocation.api.envelope_orders import OrderDesk
from services.allocation.api.held import AllocationHost, AllocationShard
from services.allocation.api.pages import page_moment, page_position
from services.allocation.domain.envelopes import records
from services.allocation.domain.envelopes.ask_errors import AskUnknown
from services.allocation.domain.envelopes.asks import Ask
from services.allocation.domain.envelopes.errors import ShareUnknown
from services.allocation.domain.envelopes.ports import Relations, check_claimant, check_friends
from services.allocation.domain.envelopes.values import (
    AskId,
    AskPhase,
    AskTerms,
    EnvelopeId,
    Order,
    ask_id_of,
)
from services.allocation.domain.values import PersonId
from services.allocation.settings import AllocationSettings
from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint
from services.mesh.pages import Listing
from services.mesh.shards.hashing import shard_of
from services.mesh.telemetry import traceparent

Context = Any  # grpc.aio.ServicerContext, which nothing here uses.
_T = TypeVar("_T")


class EnvelopeServicer(envelope_pb2_grpc.EnvelopeServiceServicer):
    """Answers `EnvelopeService`."""

    def __init__(
        self,
        host: AllocationHost,
        desk: OrderDesk,
        relations: Relations,
        clock: Clock,
        settings: AllocationSettings,
    ) -> None:
        self._host = host
        self._desk = desk
        self._relations = relations
        self._clock = clock
        self._settings = settings

    async def SendEnvelope(
        self, request: envelope_pb2.SendEnvelopeRequest, context: Context
    ) -> envelope_pb2.SendEnvelopeResponse:
        """See the contract."""
        envelope = await self._place(self._shard(request.sender_id), order_to_send(request))
        return envelope_pb2.SendEnvelopeResponse(envelope=envelope)

    async def ReissuePacket(
        self, request: envelope_pb2.ReissuePacketRequest, context: Context
    ) -> envelope_pb2.ReissuePacketResponse:
        """See the contract."""
        envelope = await self._place(self._shard(request.sender_id), order_to_reissue(request))
        return envelope_pb2.ReissuePacketResponse(envelope=envelope)

    async def ClaimEnvelope(
        self, request: envelope_pb2.ClaimEnvelopeRequest, context: Context
    ) -> envelope_pb2.ClaimEnvelopeResponse:
        """See the contract."""
        shard = self._shard(request.envelope_id)
        person_id = PersonId(request.person_id)
        envelope = shard.state.envelopes.book.envelope(EnvelopeId(request.envelope_id))
        had = envelope.share_of(person_id) is not None
        if not had:
            envelope.check_claimable(self._clock.now_ms())
            await check_claimant(self._relations, envelope, person_id)
            had = self._claim(shard, envelope.terms.envelope_id, person_id)
        share = envelope.share_of(person_id)
        assert share is not None, "who has claimed has a share"  # noqa: S101 - an invariant
        response = envelope_pb2.ClaimEnvelopeResponse(
            share=share_message(envelope, share),
            already_claimed=had,
            envelope=envelope_message(envelope),
        )
        failpoint("envelope.claimed")
        await shard.settled()
        failpoint("envelope.shared")
        return response

    async def GetEnvelope(
        self, request: envelope_pb2.GetEnvelopeRequest, context: Context
    ) -> envelope_pb2.GetEnvelopeResponse:
        """See the contract."""
        shard = self._shard(request.envelope_id)
        person_id = PersonId(request.person_id)
        of_list = Listing("shares", request.envelope_id)
        start = page_position(of_list, request.page_token)
        envelope = shard.state.envelopes.book.envelope(EnvelopeId(request.envelope_id))
        envelope.check_known_to(person_id)
        if not envelope.is_for(person_id):
            await check_claimant(self._relations, envelope, person_id)
        stop = start + (request.page_size or self._settings.shares_page_default)
        response = envelope_pb2.GetEnvelopeResponse(
            envelope=envelope_message(envelope),
            shares=share_messages(envelope, start, stop),
            next_page_token=of_list.token(stop) if stop < envelope.shares_claimed else "",
        )
        await shard.settled()
        return response

    async def ListEnvelopes(
        self, request: envelope_pb2.ListEnvelopesRequest, context: Context
    ) -> envelope_pb2.ListEnvelopesResponse:
        """See the contract."""
        shard = self._shard(request.sender_id)
        page, token = self._newest_first(
            Listing("envelopes", request.sender_id),
            shard.state.envelopes.book.of_sender(PersonId(request.sender_id)),
            lambda envelope: (envelope.created_ms, envelope.terms.envelope_id),
            request,
        )
        response = envelope_pb2.ListEnvelopesResponse(
            envelopes=[envelope_message(envelope) for envelope in page], next_page_token=token
        )
        await shard.settled()
        return response

    async def GetShare(
        self, request: envelope_pb2.GetShareRequest, context: Context
    ) -> envelope_pb2.GetShareResponse:
        """See the contract."""
        shard = self._shard(request.envelope_id)
        envelope_id, person_id = EnvelopeId(request.envelope_id), PersonId(request.person_id)
        envelope = shard.state.envelopes.book.find(envelope_id)
        share = None if envelope is None else envelope.share_of(person_id)
        if envelope is None or share is None:
            raise ShareUnknown(envelope_id, person_id)
        response = envelope_pb2.GetShareResponse(
            share=share_message(envelope, share), lineage=records.lineage_messages(envelope.terms.lineage)
        )
        await shard.settled()
        return response

    async def MakeAsk(
        self, request: envelope_pb2.MakeAskRequest, context: Context
    ) -> envelope_pb2.MakeAskResponse:
        """See the contract."""
        shard = self._shard(request.giver_id)
        asks, terms = shard.state.envelopes.asks, self._ask_terms(request)
        if asks.existing(terms) is None:
            asks.check_new(terms, self._settings.ask_limits)
            await check_friends(self._relations, terms.asker_id, terms.giver_id)
            # The same, or others, may have come while social was asked.
            if asks.existing(terms) is None:
                asks.check_new(terms, self._settings.ask_limits)
                made = envelope_events_pb2.EnvelopeEvent(ask_made=records.ask_made(terms))
                shard.commit(events_pb2.AllocationEvent(envelope=made), traceparent())
        response = envelope_pb2.MakeAskResponse(ask=ask_message(asks.ask(terms.ask_id)))
        await shard.settled()
        return response

    async def AnswerAsk(
        self, request: envelope_pb2.AnswerAskRequest, context: Context
    ) -> envelope_pb2.AnswerAskResponse:
        """See the contract."""
        shard = self._shard(request.ask_id)
        ask = self._ask_of(shard, request.ask_id, request.giver_id)
        envelope = await self._place(shard, order_to_answer(request, ask))
        return envelope_pb2.AnswerAskResponse(envelope=envelope, ask=ask_message(ask))

    async def DeclineAsk(
        self, request: envelope_pb2.DeclineAskRequest, context: Context
    ) -> envelope_pb2.DeclineAskResponse:
        """See the contract."""
        shard = self._shard(request.ask_id)
        ask = self._ask_of(shard, request.ask_id, request.giver_id)
        if ask.phase is not AskPhase.DECLINED:
            ask.check_open(self._clock.now_ms())
            declined = envelope_events_pb2.AskDeclined(ask_id=request.ask_id)
            event = envelope_events_pb2.EnvelopeEvent(ask_declined=declined)
            shard.commit(events_pb2.AllocationEvent(envelope=event), traceparent())
        response = envelope_pb2.DeclineAskResponse(ask=ask_message(ask))
        await shard.settled()
        return response

    async def GetAsk(
        self, request: envelope_pb2.GetAskRequest, context: Context
    ) -> envelope_pb2.GetAskResponse:
        """See the contract."""
        shard = self._shard(request.ask_id)
        ask = shard.state.envelopes.asks.ask(AskId(request.ask_id))
        if request.person_id not in {ask.terms.asker_id, ask.terms.giver_id}:
            raise AskUnknown(ask.terms.ask_id)
        response = envelope_pb2.GetAskResponse(ask=ask_message(ask))
        await shard.settled()
        return response

    async def ListAsks(
        self, request: envelope_pb2.ListAsksRequest, context: Context
    ) -> envelope_pb2.ListAsksResponse:
        """See the contract."""
        shard = self._shard(request.giver_id)
        asks = shard.state.envelopes.asks
        page, token = self._newest_first(
            Listing("asks", request.giver_id),
            asks.to_giver(PersonId(request.giver_id), open_only=request.open_only),
            lambda ask: (ask.made_ms, ask.terms.ask_id),
            request,
        )
        response = envelope_pb2.ListAsksResponse(
            asks=[ask_message(ask) for ask in page], next_page_token=token
        )
        await shard.settled()
        return response

    async def _place(self, shard: AllocationShard, order: Order) -> envelope_pb2.Envelope:
        """The envelope of an order, paid for, as it is by now."""
        shown = envelope_message(await self._desk.place(shard, order))
        # It may tell of claims that came in this moment, and with the last of them even the seed.
        await shard.settled()
        return shown

    def _claim(self, shard: AllocationShard, envelope_id: EnvelopeId, person_id: PersonId) -> bool:
        """Decides a claim; True when the person has got a share while social was asked."""
        envelope = shard.state.envelopes.book.envelope(envelope_id)
        if envelope.share_of(person_id) is not None:
            return True
        share = envelope.next_share(person_id, self._clock.now_ms())
        claimed = records.claimed(envelope, share)
        event = envelope_events_pb2.EnvelopeEvent(share_claimed=claimed)
        shard.commit(events_pb2.AllocationEvent(envelope=event), traceparent())
        return False

    def _ask_terms(self, request: envelope_pb2.MakeAskRequest) -> AskTerms:
        asker_id, giver_id = PersonId(request.asker_id), PersonId(request.giver_id)
        return AskTerms(
            ask_id=ask_id_of(asker_id, request.request_id, giver_id, self._host.shard_count),
            asker_id=asker_id,
            request_id=request.request_id,
            giver_id=giver_id,
            amount_fen=request.amount_fen,
            note=request.note,
            expires_ms=self._clock.now_ms() + self._settings.ask_expiry_ms,
        )

    def _ask_of(self, shard: AllocationShard, ask_id: int, giver_id: int) -> Ask:
        ask = shard.state.envelopes.asks.ask(AskId(ask_id))
        if ask.terms.giver_id != giver_id:
            raise AskUnknown(ask.terms.ask_id)
        return ask

    def _newest_first(
        self,
        of_list: Listing,
        items: Sequence[_T],
        moment: Callable[[_T], tuple[int, int]],
        request: envelope_pb2.ListEnvelopesRequest | envelope_pb2.ListAsksRequest,
    ) -> tuple[Sequence[_T], str]:
        """A page of a list that is sorted by falling moments, and the token of the next.

        A moment is a time and an id, which orders what happened within a millisecond.
        """
        before = page_moment(of_list, request.page_token)
        if before is not None:
            # By moment and not by place: new ones come in at the front while people turn pages.
            items = [item for item in items if moment(item) < before]
        size = request.page_size or self._settings.envelopes_page_default
        page = items[:size]
        return page, of_list.token(*moment(page[-1])) if size < len(items) else ""

    def _shard(self, key: int) -> AllocationShard:
        """The shard of a person, an envelope or an ask. Raises `ShardNotOwned`."""
        return self._host.owned(shard_of(key, self._host.shard_count))
