"""Asks for packets (讨红包), on the shard of the person who is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from services.allocation.domain.envelopes.ask_errors import (
    AskAnswered,
    AskConflict,
    AskDeclined,
    AskExpired,
    AsksFull,
    AsksRepeated,
    AsksTooMany,
    AskUnknown,
    SelfAsk,
)
from services.allocation.domain.envelopes.limits import AskLimits
from services.allocation.domain.envelopes.order_errors import AmountTooLarge, NoteTooLong
from services.allocation.domain.envelopes.schedule import Deadlines, Ends, count_down
from services.allocation.domain.envelopes.values import AskId, AskPhase, AskTerms, EnvelopeId
from services.allocation.domain.values import PersonId

_COMPARED = ("asker_id", "giver_id", "amount_fen", "note")


@dataclass(slots=True)
class Ask:
    """An ask on record. Only the fold of its events changes it."""

    terms: AskTerms
    made_ms: int
    """Milliseconds since the Unix epoch."""
    envelope_id: EnvelopeId | None = None
    """The envelope that answers it."""
    declined: bool = False
    expired: bool = False
    ended_ms: int | None = None
    """When it was answered or declined, or when it expired; None until then."""

    @property
    def phase(self) -> AskPhase:
        """Where it stands, as far as is on record."""
        if self.envelope_id is not None:
            return AskPhase.ANSWERED
        if self.declined:
            return AskPhase.DECLINED
        return AskPhase.EXPIRED if self.expired else AskPhase.OPEN

    def check_open(self, now_ms: int) -> None:
        """Raises `AskAnswered`, `AskDeclined` or `AskExpired`."""
        if self.envelope_id is not None:
            raise AskAnswered(self.terms.ask_id, self.envelope_id)
        if self.declined:
            raise AskDeclined(self.terms.ask_id)
        if self.expired or now_ms >= self.terms.expires_ms:
            raise AskExpired(self.terms.ask_id, self.terms.expires_ms)


class Asks:
    """All asks of one shard."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._asks: dict[AskId, Ask] = {}
        self._by_giver: dict[PersonId, dict[AskId, None]] = {}
        self._open_to: Counter[PersonId] = Counter()
        self._open_between: Counter[tuple[PersonId, PersonId]] = Counter()
        self.deadlines = Deadlines(self._is_open)
        """When open asks expire."""
        self.ends = Ends(self._ended_ms)
        """When asks ended."""

    def __len__(self) -> int:
        return len(self._asks)

    def all(self) -> Iterable[Ask]:
        """Every ask, in the order in which they were made."""
        return self._asks.values()

    def ask(self, ask_id: AskId) -> Ask:
        """An ask. Raises `AskUnknown`."""
        found = self._asks.get(ask_id)
        if found is None:
            raise AskUnknown(ask_id)
        return found

    def to_giver(self, giver_id: PersonId, *, open_only: bool) -> list[Ask]:
        """Asks to a person, the newest first."""
        asks = [self._asks[ask_id] for ask_id in self._by_giver.get(giver_id, ())]
        if open_only:
            asks = [ask for ask in asks if ask.phase is AskPhase.OPEN]
        return sorted(asks, key=lambda ask: (ask.made_ms, ask.terms.ask_id), reverse=True)

    def existing(self, terms: AskTerms) -> Ask | None:
        """The ask if it was made with the same terms. Raises `AskConflict` when with others."""
        found = self._asks.get(terms.ask_id)
        if found is None:
            return None
        for name in _COMPARED:
            if getattr(found.terms, name) != getattr(terms, name):
                raise AskConflict(terms.ask_id, name)
        return found

    def check_new(self, terms: AskTerms, limits: AskLimits) -> None:
        """Raises what speaks against a new ask; see the contract for the reasons."""
        if terms.asker_id == terms.giver_id:
            raise SelfAsk(terms.asker_id)
        if terms.amount_fen > limits.amount_fen_max:
            raise AmountTooLarge(terms.amount_fen, limits.amount_fen_max)
        if len(terms.note) > limits.note_characters_max:
            raise NoteTooLong(len(terms.note), limits.note_characters_max)
        if self._open_between[terms.asker_id, terms.giver_id] >= limits.open_per_pair_max:
            raise AsksRepeated(terms.asker_id, terms.giver_id, limits.open_per_pair_max)
        if self._open_to[terms.giver_id] >= limits.open_per_giver_max:
            raise AsksTooMany(terms.giver_id, limits.open_per_giver_max)
        if len(self._by_giver.get(terms.giver_id, ())) >= limits.kept_per_giver_max:
            raise AsksTooMany(terms.giver_id, limits.kept_per_giver_max)
        if len(self._asks) >= limits.per_shard_max:
            raise AsksFull(self._shard, limits.per_shard_max)

    def add(self, ask: Ask) -> None:
        """Folds an ask in, as made or as restored."""
        terms = ask.terms
        assert terms.ask_id not in self._asks, "an ask is made once"
        self._asks[terms.ask_id] = ask
        self._by_giver.setdefault(terms.giver_id, {})[terms.ask_id] = None
        if ask.ended_ms is None:
            self._opened(ask)

    def answer(self, ask_id: AskId, envelope_id: EnvelopeId, time_ms: int) -> None:
        """Folds the envelope that answers."""
        ask = self._asks[ask_id]
        assert ask.phase is AskPhase.OPEN, "an ask is answered once"
        ask.envelope_id = envelope_id
        self._closed(ask, time_ms)

    def reopen(self, ask_id: AskId, envelope_id: EnvelopeId) -> None:
        """Folds the refusal of the envelope that answered: the ask is open again."""
        ask = self._asks.get(ask_id)
        if ask is None or ask.envelope_id != envelope_id:
            return  # Settlement was silent for so long that the ask is forgotten, and perhaps made again.
        ask.envelope_id, ask.ended_ms = None, None
        self._opened(ask)

    def decline(self, ask_id: AskId, time_ms: int) -> None:
        """Folds that the giver declined."""
        ask = self._asks[ask_id]
        assert ask.phase is AskPhase.OPEN, "an ask that has ended is not declined"
        ask.declined = True
        self._closed(ask, time_ms)

    def expire(self, ask_id: AskId, time_ms: int) -> None:
        """Folds the end of its time."""
        ask = self._asks[ask_id]
        assert ask.phase is AskPhase.OPEN, "an ask that has ended does not expire"
        ask.expired = True
        self._closed(ask, time_ms)

    def forget(self, ask_id: AskId) -> None:
        """Folds that an ask that ended long ago is not kept."""
        ask = self._asks.pop(ask_id)
        assert ask.ended_ms is not None, "only asks that have ended are forgotten"
        of_giver = self._by_giver[ask.terms.giver_id]
        del of_giver[ask_id]
        if not of_giver:
            del self._by_giver[ask.terms.giver_id]

    def restore(self, asks: Iterable[Ask]) -> None:
        """Takes over what a snapshot kept."""
        for ask in asks:
            self.add(ask)
        ended = ((ask.ended_ms, ask_id) for ask_id, ask in self._asks.items())
        self.ends.restore((ended_ms, ask_id) for ended_ms, ask_id in ended if ended_ms is not None)

    def _opened(self, ask: Ask) -> None:
        terms = ask.terms
        self._open_to[terms.giver_id] += 1
        self._open_between[terms.asker_id, terms.giver_id] += 1
        self.deadlines.add(terms.expires_ms, terms.ask_id)

    def _closed(self, ask: Ask, time_ms: int) -> None:
        terms = ask.terms
        ask.ended_ms = time_ms
        self.ends.add(time_ms, terms.ask_id)
        count_down(self._open_to, terms.giver_id)
        count_down(self._open_between, (terms.asker_id, terms.giver_id))

    def _is_open(self, ask_id: AskId) -> bool:
        ask = self._asks.get(ask_id)
        return ask is not None and ask.phase is AskPhase.OPEN

    def _ended_ms(self, ask_id: AskId) -> int | None:
        ask = self._asks.get(ask_id)
        return None if ask is None else ask.ended_ms
