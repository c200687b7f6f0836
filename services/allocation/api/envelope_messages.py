"""Envelopes and asks as the contract shows them, and orders out of what it asks."""

from __future__ import annotations

from hongbao.allocation.v1 import envelope_events_pb2, envelope_pb2
from services.allocation.domain.envelopes.asks import Ask
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.records import (
    audience_message,
    audience_of,
    lineage_messages,
    source_of,
)
from services.allocation.domain.envelopes.values import EnvelopeKind, OnePerson, Order, Share
from services.allocation.domain.lucky import LUCKY_RULE
from services.allocation.domain.values import PersonId
from services.mesh.timestamps import timestamp


def order_to_send(request: envelope_pb2.SendEnvelopeRequest) -> Order:
    """What is asked to be sent out of a wallet."""
    return Order(
        sender_id=PersonId(request.sender_id),
        request_id=request.request_id,
        kind=EnvelopeKind(request.kind),
        audience=audience_of(request.audience),
        amount_fen=request.amount_fen,
        share_count=request.share_count,
        note=request.note,
    )


def order_to_reissue(request: envelope_pb2.ReissuePacketRequest) -> Order:
    """What is asked to be sent on; its amount is that of the packet."""
    return Order(
        sender_id=PersonId(request.sender_id),
        request_id=request.request_id,
        kind=EnvelopeKind.LUCKY,
        audience=audience_of(request.audience),
        amount_fen=0,
        share_count=request.share_count,
        note=request.note,
        source=source_of(request.source),
    )


def order_to_answer(request: envelope_pb2.AnswerAskRequest, ask: Ask) -> Order:
    """What is asked to be sent to who asked for it."""
    return Order(
        sender_id=PersonId(request.giver_id),
        request_id=request.request_id,
        kind=EnvelopeKind.SINGLE,
        audience=OnePerson(ask.terms.asker_id),
        amount_fen=request.amount_fen,
        share_count=1,
        note=request.note,
        ask_id=ask.terms.ask_id,
    )


def envelope_message(envelope: Envelope) -> envelope_pb2.Envelope:
    """An envelope: without its seed until it has ended."""
    terms, order = envelope.terms, envelope.terms.order
    best = envelope.best_luck_index()
    shown = envelope_pb2.Envelope(
        envelope_id=terms.envelope_id,
        sender_id=order.sender_id,
        kind=envelope_events_pb2.EnvelopeKind.ValueType(order.kind),
        audience=audience_message(order.audience),
        amount_fen=order.amount_fen,
        share_count=order.share_count,
        note=order.note,
        state=envelope_pb2.EnvelopeState.ValueType(envelope.phase),
        created_at=timestamp(envelope.created_ms),
        expires_at=timestamp(terms.expires_ms),
        shares_claimed=envelope.shares_claimed,
        claimed_fen=envelope.claimed_fen,
        returned_fen=envelope.left_fen if envelope.expired else 0,
        best_luck_person_id=0 if best is None else envelope.shares(best, best + 1)[0].person_id,
        lineage=lineage_messages(terms.lineage),
        ask_id=order.ask_id,
        seed_commitment=envelope.seed_commitment,
        seed=envelope.published_seed,
        split_rule=LUCKY_RULE if order.kind is EnvelopeKind.LUCKY else 0,
        share_min_fen=terms.share_min_fen,
    )
    if envelope.ended_ms is not None:
        shown.ended_at.CopyFrom(timestamp(envelope.ended_ms))
    return shown


def share_message(envelope: Envelope, share: Share) -> envelope_pb2.Share:
    """A share, marked when it is the best."""
    return envelope_pb2.Share(
        share_index=share.index,
        person_id=share.person_id,
        amount_fen=share.amount_fen,
        claimed_at=timestamp(share.claimed_ms),
        best_luck=share.index == envelope.best_luck_index(),
    )


def share_messages(envelope: Envelope, start: int, stop: int) -> list[envelope_pb2.Share]:
    """Claimed shares from one position up to another."""
    return [share_message(envelope, share) for share in envelope.shares(start, stop)]


def ask_message(ask: Ask) -> envelope_pb2.Ask:
    """An ask."""
    terms = ask.terms
    shown = envelope_pb2.Ask(
        ask_id=terms.ask_id,
        asker_id=terms.asker_id,
        giver_id=terms.giver_id,
        amount_fen=terms.amount_fen,
        note=terms.note,
        state=envelope_pb2.AskState.ValueType(ask.phase),
        made_at=timestamp(ask.made_ms),
        expires_at=timestamp(terms.expires_ms),
        envelope_id=ask.envelope_id or 0,
    )
    if ask.ended_ms is not None:
        shown.ended_at.CopyFrom(timestamp(ask.ended_ms))
    return shown
