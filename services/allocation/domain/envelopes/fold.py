"""Envelopes, asks and sent-on packets of one shard: the fold of what is on record about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from hongbao.allocation.v1 import envelope_events_pb2 as pb
from services.allocation.domain.envelopes import records
from services.allocation.domain.envelopes.asks import Ask, Asks
from services.allocation.domain.envelopes.book import EnvelopeBook
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.sources import SentOn, Sources
from services.allocation.domain.envelopes.values import AskId, EnvelopeId, Refusal
from services.allocation.domain.values import PersonId
from services.mesh.timestamps import milliseconds, timestamp


class Envelopes:
    """Everything about envelopes on one shard. Changes only by `apply`."""

    def __init__(self, shard: int) -> None:
        self.book = EnvelopeBook(shard)
        self.asks = Asks(shard)
        self.sources = Sources()

    def apply(self, time_ms: int, event: pb.EnvelopeEvent) -> None:
        """Folds one record in."""
        match event.WhichOneof("event"):
            case "share_claimed":
                claimed = event.share_claimed
                share = records.share_of(claimed, time_ms)
                self.book.claim(EnvelopeId(claimed.envelope_id), share, last=claimed.last)
            case "created":
                self._create(records.envelope_of(event.created, time_ms), time_ms)
            case "opened":
                self.book.open(EnvelopeId(event.opened.envelope_id))
            case "refused":
                self._refuse(event.refused, time_ms)
            case "expired":
                expired = event.expired
                envelope_id = EnvelopeId(expired.envelope_id)
                self.book.expire(envelope_id, expired.claimed_fen, expired.returned_fen, time_ms)
            case "ask_made":
                self.asks.add(Ask(records.ask_terms(event.ask_made), time_ms))
            case "ask_declined":
                self.asks.decline(AskId(event.ask_declined.ask_id), time_ms)
            case "ask_expired":
                self.asks.expire(AskId(event.ask_expired.ask_id), time_ms)
            case "forgotten":
                self._forget(event.forgotten)
            case other:
                raise ValueError(f"a record about an envelope cannot be {other}")

    def snapshot(self) -> pb.EnvelopesSnapshot:
        """The whole state."""
        return self.freeze()()

    def freeze(self) -> Callable[[], pb.EnvelopesSnapshot]:
        """As `FreezableState.freeze`. An envelope takes 1 microsecond to freeze, and some 15 to write out."""
        envelopes = [_FrozenEnvelope.of(envelope) for envelope in self.book.all()]
        asks = [replace(ask) for ask in self.asks.all()]
        marks = list(self.sources.all())

        def write_out() -> pb.EnvelopesSnapshot:
            return pb.EnvelopesSnapshot(
                envelopes=[frozen.written() for frozen in envelopes],
                asks=[_ask_snapshot(ask) for ask in asks],
                sources=[_source_snapshot(mark) for mark in marks],
            )

        return write_out

    def restore(self, taken: pb.EnvelopesSnapshot) -> None:
        """Takes over what `snapshot` made, into an empty state."""
        self.book.restore(_restored_envelope(kept) for kept in taken.envelopes)
        self.asks.restore(_restored_ask(kept) for kept in taken.asks)
        for kept in taken.sources:
            source = records.source_of(kept.source)
            until_ms = milliseconds(kept.until_at)
            mark = SentOn(source, PersonId(kept.person_id), EnvelopeId(kept.envelope_id), until_ms)
            self.sources.add(mark)

    def _create(self, envelope: Envelope, time_ms: int) -> None:
        self.book.add(envelope)
        terms, order = envelope.terms, envelope.terms.order
        if order.source is not None:
            mark = SentOn(order.source, order.sender_id, terms.envelope_id, terms.source_until_ms)
            self.sources.add(mark)
        if order.ask_id:
            self.asks.answer(order.ask_id, terms.envelope_id, time_ms)

    def _refuse(self, refused: pb.EnvelopeRefused, time_ms: int) -> None:
        refusal = records.refusal_of(refused)
        envelope = self.book.refuse(EnvelopeId(refused.envelope_id), refusal, time_ms)
        order = envelope.terms.order
        if order.source is not None:
            self.sources.take_back(order.sender_id, order.source, envelope.terms.envelope_id)
        if order.ask_id:
            self.asks.reopen(order.ask_id, envelope.terms.envelope_id)

    def _forget(self, forgotten: pb.EnvelopesForgotten) -> None:
        for envelope_id in forgotten.envelope_ids:
            self.book.forget(EnvelopeId(envelope_id))
        for ask_id in forgotten.ask_ids:
            self.asks.forget(AskId(ask_id))
        if forgotten.HasField("sources_until_at"):
            self.sources.forget(milliseconds(forgotten.sources_until_at))


class _FrozenEnvelope(NamedTuple):
    """What changes about an envelope, as it was at a moment. All else stays, or only grows at its end."""

    envelope: Envelope
    opened: bool
    refusal: Refusal | None
    expired: bool
    ended_ms: int | None
    shares_claimed: int

    @classmethod
    def of(cls, envelope: Envelope) -> _FrozenEnvelope:
        """The envelope as it is now."""
        return cls(
            envelope,
            envelope.opened,
            envelope.refusal,
            envelope.expired,
            envelope.ended_ms,
            envelope.shares_claimed,
        )

    def written(self) -> pb.EnvelopeSnapshot:
        """The envelope as it was. May run beside the loop."""
        envelope = self.envelope
        person_ids, claimed_ms = envelope.claims(self.shares_claimed)
        kept = pb.EnvelopeSnapshot(
            created=records.created(envelope.terms, envelope.seed),
            created_at=timestamp(envelope.created_ms),
            opened=self.opened,
            person_ids=person_ids,
            claimed_ms=claimed_ms,
        )
        if self.refusal is not None:
            kept.refused.CopyFrom(records.refused(envelope.terms, self.refusal))
        if self.expired:
            # Nothing is claimed from it any more, so its sums are what they were.
            kept.expired.CopyFrom(records.expired(envelope))
        if self.ended_ms is not None:
            kept.ended_at.CopyFrom(timestamp(self.ended_ms))
        return kept


def _restored_envelope(kept: pb.EnvelopeSnapshot) -> Envelope:
    envelope = records.envelope_of(kept.created, milliseconds(kept.created_at))
    envelope.opened = kept.opened
    envelope.restore_claims(map(PersonId, kept.person_ids), kept.claimed_ms, _claimed_fen(envelope, kept))
    if kept.HasField("refused"):
        envelope.refusal = records.refusal_of(kept.refused)
    if kept.HasField("expired"):
        expired = kept.expired
        envelope.expire(expired.claimed_fen, expired.returned_fen, milliseconds(kept.ended_at))
    envelope.ended_ms = milliseconds(kept.ended_at) if kept.HasField("ended_at") else None
    return envelope


def _claimed_fen(envelope: Envelope, kept: pb.EnvelopeSnapshot) -> int:
    """What was claimed of an envelope whose claims are still to be restored."""
    order, count = envelope.terms.order, len(kept.person_ids)
    if count in {0, order.share_count}:
        return order.amount_fen if count else 0
    if kept.HasField("expired"):
        return kept.expired.claimed_fen
    return sum(envelope.amounts_fen()[:count])


def _source_snapshot(mark: SentOn) -> pb.SourceSnapshot:
    return pb.SourceSnapshot(
        source=records.source_message(mark.source),
        person_id=mark.person_id,
        envelope_id=mark.envelope_id,
        until_at=timestamp(mark.until_ms),
    )


def _ask_snapshot(ask: Ask) -> pb.AskSnapshot:
    kept = pb.AskSnapshot(
        made=records.ask_made(ask.terms),
        made_at=timestamp(ask.made_ms),
        envelope_id=ask.envelope_id or 0,
        declined=ask.declined,
        expired=ask.expired,
    )
    if ask.ended_ms is not None:
        kept.ended_at.CopyFrom(timestamp(ask.ended_ms))
    return kept


def _restored_ask(kept: pb.AskSnapshot) -> Ask:
    return Ask(
        records.ask_terms(kept.made),
        milliseconds(kept.made_at),
        envelope_id=EnvelopeId(kept.envelope_id) if kept.envelope_id else None,
        declined=kept.declined,
        expired=kept.expired,
        ended_ms=milliseconds(kept.ended_at) if kept.HasField("ended_at") else None,
    )
