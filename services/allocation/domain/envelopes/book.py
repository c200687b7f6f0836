"""All envelopes of one shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.errors import EnvelopeConflict, EnvelopeUnknown
from services.allocation.domain.envelopes.limits import EnvelopeLimits
from services.allocation.domain.envelopes.order_errors import (
    AmountNotDivisible,
    AmountTooLarge,
    EnvelopesFull,
    EnvelopesTooMany,
    NoteTooLong,
    SelfEnvelope,
    SharesTooMany,
    ShareTooSmall,
)
from services.allocation.domain.envelopes.schedule import Deadlines, Ends, count_down
from services.allocation.domain.envelopes.values import (
    EnvelopeId,
    EnvelopeKind,
    EnvelopePhase,
    OnePerson,
    Order,
    Refusal,
    Share,
)
from services.allocation.domain.values import PersonId

_COMPARED = ("sender_id", "kind", "audience", "amount_fen", "share_count", "note", "source", "ask_id")


def check_order(order: Order, limits: EnvelopeLimits) -> None:
    """Raises what speaks against an order by itself, its amount known; the contract has the reasons."""
    if order.audience == OnePerson(order.sender_id):
        raise SelfEnvelope(order.sender_id)
    if order.amount_fen > limits.amount_fen_max:
        raise AmountTooLarge(order.amount_fen, limits.amount_fen_max)
    if order.share_count > limits.share_count_max:
        raise SharesTooMany(order.share_count, limits.share_count_max)
    if order.amount_fen < order.share_count * limits.share_fen_min:
        raise ShareTooSmall(order.amount_fen, order.share_count, limits.share_fen_min)
    if order.kind is EnvelopeKind.EQUAL and order.amount_fen % order.share_count:
        raise AmountNotDivisible(order.amount_fen, order.share_count)
    if len(order.note) > limits.note_characters_max:
        raise NoteTooLong(len(order.note), limits.note_characters_max)


class EnvelopeBook:
    """Envelopes of one shard's people, as they are on record."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._envelopes: dict[EnvelopeId, Envelope] = {}
        self._by_sender: dict[PersonId, dict[EnvelopeId, None]] = {}
        self._pending: dict[EnvelopeId, None] = {}
        self._unended_of: Counter[PersonId] = Counter()
        self.deadlines = Deadlines(self._is_open)
        """When open envelopes expire."""
        self.ends = Ends(self._ended_ms)
        """When envelopes ended."""

    def __len__(self) -> int:
        return len(self._envelopes)

    def all(self) -> Iterable[Envelope]:
        """Every envelope, in the order of their creation."""
        return self._envelopes.values()

    def pending(self) -> list[Envelope]:
        """Envelopes whose money is not known to be held."""
        return [self._envelopes[envelope_id] for envelope_id in self._pending]

    def find(self, envelope_id: EnvelopeId) -> Envelope | None:
        """An envelope; None when there is none, or none any more."""
        return self._envelopes.get(envelope_id)

    def envelope(self, envelope_id: EnvelopeId) -> Envelope:
        """An envelope. Raises `EnvelopeUnknown`."""
        found = self._envelopes.get(envelope_id)
        if found is None:
            raise EnvelopeUnknown(envelope_id)
        return found

    def of_sender(self, sender_id: PersonId) -> list[Envelope]:
        """A person's envelopes, the newest first."""
        found = [self._envelopes[envelope_id] for envelope_id in self._by_sender.get(sender_id, ())]
        return sorted(
            found, key=lambda envelope: (envelope.created_ms, envelope.terms.envelope_id), reverse=True
        )

    def existing(self, envelope_id: EnvelopeId, order: Order) -> Envelope | None:
        """The envelope if the same was ordered before. Raises `EnvelopeConflict` when another was."""
        found = self._envelopes.get(envelope_id)
        if found is None:
            return None
        for name in _COMPARED:
            if name == "amount_fen" and order.source is not None:
                continue  # It is that of the packet, whatever was said.
            if getattr(found.terms.order, name) != getattr(order, name):
                raise EnvelopeConflict(envelope_id, name)
        return found

    def check_room(self, sender_id: PersonId, limits: EnvelopeLimits) -> None:
        """Raises `EnvelopesTooMany` or `EnvelopesFull` when there is no room for one more."""
        if self._unended_of[sender_id] >= limits.open_per_person_max:
            raise EnvelopesTooMany(sender_id, limits.open_per_person_max)
        if len(self._by_sender.get(sender_id, ())) >= limits.kept_per_person_max:
            raise EnvelopesTooMany(sender_id, limits.kept_per_person_max)
        if len(self._envelopes) >= limits.per_shard_max:
            raise EnvelopesFull(self._shard, limits.per_shard_max)
        if len(self._pending) >= limits.pending_max:
            raise EnvelopesFull(self._shard, limits.pending_max)

    def add(self, envelope: Envelope) -> None:
        """Folds an envelope in, as created or as restored."""
        envelope_id, sender_id = envelope.terms.envelope_id, envelope.terms.order.sender_id
        assert envelope_id not in self._envelopes, "an envelope is created once"
        self._envelopes[envelope_id] = envelope
        self._by_sender.setdefault(sender_id, {})[envelope_id] = None
        if envelope.ended_ms is None:
            self._unended_of[sender_id] += 1
        match envelope.phase:
            case EnvelopePhase.PENDING:
                self._pending[envelope_id] = None
            case EnvelopePhase.OPEN:
                self.deadlines.add(envelope.terms.expires_ms, envelope_id)

    def open(self, envelope_id: EnvelopeId) -> None:
        """Folds that its money is held."""
        envelope = self._envelopes[envelope_id]
        assert envelope.phase is EnvelopePhase.PENDING, "an envelope opens once"
        envelope.opened = True
        del self._pending[envelope_id]
        self.deadlines.add(envelope.terms.expires_ms, envelope_id)

    def refuse(self, envelope_id: EnvelopeId, refusal: Refusal, time_ms: int) -> Envelope:
        """Folds that its money is not held; returns it."""
        envelope = self._envelopes[envelope_id]
        assert envelope.phase is EnvelopePhase.PENDING, "an envelope that opened is not refused"
        envelope.refusal = refusal
        envelope.ended_ms = time_ms
        del self._pending[envelope_id]
        self._ended(envelope)
        return envelope

    def claim(self, envelope_id: EnvelopeId, share: Share, *, last: bool) -> None:
        """Folds a claimed share."""
        envelope = self._envelopes[envelope_id]
        envelope.add(share, last=last)
        if last:
            self._ended(envelope)

    def expire(self, envelope_id: EnvelopeId, claimed_fen: int, returned_fen: int, time_ms: int) -> None:
        """Folds the end of its time."""
        envelope = self._envelopes[envelope_id]
        envelope.expire(claimed_fen, returned_fen, time_ms)
        self._ended(envelope)

    def forget(self, envelope_id: EnvelopeId) -> None:
        """Folds that an envelope that ended long ago is not kept."""
        envelope = self._envelopes.pop(envelope_id)
        assert envelope.ended_ms is not None, "only envelopes that have ended are forgotten"
        of_sender = self._by_sender[envelope.terms.order.sender_id]
        del of_sender[envelope_id]
        if not of_sender:
            del self._by_sender[envelope.terms.order.sender_id]

    def restore(self, envelopes: Iterable[Envelope]) -> None:
        """Takes over what a snapshot kept."""
        for envelope in envelopes:
            self.add(envelope)
        ended = ((envelope.ended_ms, envelope_id) for envelope_id, envelope in self._envelopes.items())
        self.ends.restore((ended_ms, envelope_id) for ended_ms, envelope_id in ended if ended_ms is not None)

    def _ended(self, envelope: Envelope) -> None:
        assert envelope.ended_ms is not None, "it has just ended"
        self.ends.add(envelope.ended_ms, envelope.terms.envelope_id)
        count_down(self._unended_of, envelope.terms.order.sender_id)

    def _is_open(self, envelope_id: EnvelopeId) -> bool:
        envelope = self._envelopes.get(envelope_id)
        return envelope is not None and envelope.phase is EnvelopePhase.OPEN

    def _ended_ms(self, envelope_id: EnvelopeId) -> int | None:
        envelope = self._envelopes.get(envelope_id)
        return None if envelope is None else envelope.ended_ms
