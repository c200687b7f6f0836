"""Envelopes, asks, and the records that carry them: one function for each way."""

from __future__ import annotations

from collections.abc import Iterable

from hongbao.allocation.v1 import envelope_events_pb2 as pb
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.values import (
    AskId,
    AskTerms,
    Audience,
    EnvelopeId,
    EnvelopeKind,
    EnvelopeShare,
    EnvelopeTerms,
    Friends,
    GroupId,
    GroupMembers,
    OnePerson,
    Order,
    Refusal,
    RefusalCause,
    Share,
    Source,
    StockPacket,
)
from services.allocation.domain.lucky import LUCKY_RULE
from services.allocation.domain.values import PersonId, Seed, StockId
from services.mesh.timestamps import milliseconds, timestamp


def created(terms: EnvelopeTerms, seed: Seed) -> pb.EnvelopeCreated:
    """The record of a new envelope, seed and note included."""
    order = terms.order
    record = pb.EnvelopeCreated(
        envelope_id=terms.envelope_id,
        sender_id=order.sender_id,
        request_id=order.request_id,
        kind=pb.EnvelopeKind.ValueType(order.kind),
        audience=audience_message(order.audience),
        amount_fen=order.amount_fen,
        share_count=order.share_count,
        note=order.note,
        fund_ends_at=timestamp(terms.fund_ends_ms),
        expires_at=timestamp(terms.expires_ms),
        lineage=lineage_messages(terms.lineage),
        ask_id=order.ask_id,
        share_min_fen=terms.share_min_fen,
    )
    if order.kind is EnvelopeKind.LUCKY:
        record.seed, record.split_rule = seed, LUCKY_RULE
    if terms.source_until_ms:
        record.source_until_at.CopyFrom(timestamp(terms.source_until_ms))
    return record


def envelope_of(record: pb.EnvelopeCreated, created_ms: int) -> Envelope:
    """The envelope as the record made it."""
    assert record.split_rule in {0, LUCKY_RULE}, "a rule that is not known here cannot be followed"
    lineage = lineage_of_messages(record.lineage)
    order = Order(
        sender_id=PersonId(record.sender_id),
        request_id=record.request_id,
        kind=EnvelopeKind(record.kind),
        audience=audience_of(record.audience),
        amount_fen=record.amount_fen,
        share_count=record.share_count,
        note=record.note,
        source=lineage[-1] if lineage else None,
        ask_id=AskId(record.ask_id),
    )
    has_source = record.HasField("source_until_at")
    terms = EnvelopeTerms(
        envelope_id=EnvelopeId(record.envelope_id),
        order=order,
        share_min_fen=record.share_min_fen,
        fund_ends_ms=milliseconds(record.fund_ends_at),
        expires_ms=milliseconds(record.expires_at),
        lineage=lineage,
        source_until_ms=milliseconds(record.source_until_at) if has_source else 0,
    )
    return Envelope(terms, Seed(record.seed), created_ms)


def refused(terms: EnvelopeTerms, refusal: Refusal) -> pb.EnvelopeRefused:
    """The record of an envelope whose money was not held."""
    return pb.EnvelopeRefused(
        envelope_id=terms.envelope_id,
        sender_id=terms.order.sender_id,
        amount_fen=terms.order.amount_fen,
        cause=pb.RefusalCause.ValueType(refusal.cause),
        available_fen=refusal.available_fen,
        fund_ends_at=timestamp(terms.fund_ends_ms),
    )


def refusal_of(record: pb.EnvelopeRefused) -> Refusal:
    """Why it was, as the record says."""
    return Refusal(RefusalCause(record.cause), record.available_fen)


def claimed(envelope: Envelope, share: Share) -> pb.ShareClaimed:
    """The record of a claimed share."""
    return pb.ShareClaimed(
        envelope_id=envelope.terms.envelope_id,
        share_index=share.index,
        person_id=share.person_id,
        amount_fen=share.amount_fen,
        last=share.index + 1 == envelope.terms.order.share_count,
    )


def share_of(record: pb.ShareClaimed, time_ms: int) -> Share:
    """The share as the record gave it."""
    return Share(record.share_index, PersonId(record.person_id), record.amount_fen, time_ms)


def expired(envelope: Envelope) -> pb.EnvelopeExpired:
    """The record of the end of an envelope's time."""
    return pb.EnvelopeExpired(
        envelope_id=envelope.terms.envelope_id,
        sender_id=envelope.terms.order.sender_id,
        claimed_fen=envelope.claimed_fen,
        returned_fen=envelope.left_fen,
    )


def ask_made(terms: AskTerms) -> pb.AskMade:
    """The record of a new ask, note included."""
    return pb.AskMade(
        ask_id=terms.ask_id,
        asker_id=terms.asker_id,
        request_id=terms.request_id,
        giver_id=terms.giver_id,
        amount_fen=terms.amount_fen,
        note=terms.note,
        expires_at=timestamp(terms.expires_ms),
    )


def ask_terms(record: pb.AskMade) -> AskTerms:
    """What the record says."""
    return AskTerms(
        ask_id=AskId(record.ask_id),
        asker_id=PersonId(record.asker_id),
        request_id=record.request_id,
        giver_id=PersonId(record.giver_id),
        amount_fen=record.amount_fen,
        note=record.note,
        expires_ms=milliseconds(record.expires_at),
    )


def conceal(event: pb.EnvelopeEvent) -> None:
    """Takes out of a record what readers of the feed must not know: seeds, and what people write."""
    match event.WhichOneof("event"):
        case "created":
            event.created.ClearField("seed")
            event.created.ClearField("note")
        case "ask_made":
            event.ask_made.ClearField("note")


def audience_message(audience: Audience) -> pb.Audience:
    """Who may claim, as the contract says it."""
    match audience:
        case OnePerson(person_id):
            return pb.Audience(person_id=person_id)
        case GroupMembers(group_id):
            return pb.Audience(group_id=group_id)
        case Friends():
            return pb.Audience(friends=True)


def audience_of(message: pb.Audience) -> Audience:
    """Who may claim."""
    match message.WhichOneof("audience"):
        case "person_id":
            return OnePerson(PersonId(message.person_id))
        case "group_id":
            return GroupMembers(GroupId(message.group_id))
        case "friends":
            return Friends()
        case other:
            raise ValueError(f"nobody is the audience of {other}")


def source_message(source: Source) -> pb.PacketSource:
    """A packet that can be sent on, as the contract says it."""
    match source:
        case StockPacket(stock_id):
            return pb.PacketSource(stock_id=stock_id)
        case EnvelopeShare(envelope_id):
            return pb.PacketSource(envelope_id=envelope_id)


def source_of(message: pb.PacketSource) -> Source:
    """A packet that can be sent on."""
    match message.WhichOneof("source"):
        case "stock_id":
            return StockPacket(StockId(message.stock_id))
        case "envelope_id":
            return EnvelopeShare(EnvelopeId(message.envelope_id))
        case other:
            raise ValueError(f"nothing is sent on from {other}")


def lineage_messages(lineage: Iterable[Source]) -> list[pb.PacketSource]:
    """The packets that an envelope was made of, as the contract says it."""
    return [source_message(source) for source in lineage]


def lineage_of_messages(messages: Iterable[pb.PacketSource]) -> tuple[Source, ...]:
    """The packets that an envelope was made of."""
    return tuple(source_of(message) for message in messages)
