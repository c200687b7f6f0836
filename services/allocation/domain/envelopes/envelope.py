"""One envelope: who gets which share, and what becomes of the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.allocation.domain.envelopes.errors import (
    BalanceInsufficient,
    EnvelopeEmpty,
    EnvelopeExpired,
    EnvelopePending,
    EnvelopeRefused,
    EnvelopeUnknown,
    SenderLimitReached,
    SenderUnverified,
)
from services.allocation.domain.envelopes.values import (
    EnvelopeKind,
    EnvelopePhase,
    EnvelopeTerms,
    Refusal,
    RefusalCause,
    Share,
)
from services.allocation.domain.lucky import lucky_split
from services.allocation.domain.values import PersonId, Seed


@dataclass(slots=True)
class Envelope:
    """An envelope on record. Only the fold of its events changes it."""

    terms: EnvelopeTerms
    seed: Seed
    """Fixes a LUCKY split; secret until the envelope has ended."""
    created_ms: int
    """Milliseconds since the Unix epoch."""
    opened: bool = False
    """Settlement holds its money."""
    refusal: Refusal | None = None
    """Why it never opened; None unless that is so."""
    expired: bool = False
    """Its time ran out with something left."""
    ended_ms: int | None = None
    """When it was finished, refused or expired; None until then."""
    claimed_fen: int = 0
    """Sum of the claimed shares."""
    _positions: dict[PersonId, int] = field(default_factory=dict)
    """Whose share is which."""
    _claimants: list[PersonId] = field(default_factory=list)
    """The same people by position. This and the next only ever grow at their ends: see `Envelopes.freeze`."""
    _claimed_ms: list[int] = field(default_factory=list)
    """When they claimed, milliseconds since the Unix epoch."""
    _amounts_fen: tuple[int, ...] = ()
    """All shares, claimed or not; empty until somebody needs them."""

    @property
    def phase(self) -> EnvelopePhase:
        """Where it stands, as far as is on record."""
        if self.refusal is not None:
            return EnvelopePhase.REFUSED
        if self.expired:
            return EnvelopePhase.EXPIRED
        if self.ended_ms is not None:
            return EnvelopePhase.FINISHED
        return EnvelopePhase.OPEN if self.opened else EnvelopePhase.PENDING

    @property
    def shares_claimed(self) -> int:
        """Number of claimed shares."""
        return len(self._claimants)

    @property
    def left_fen(self) -> int:
        """What nobody has claimed."""
        return self.terms.order.amount_fen - self.claimed_fen

    @property
    def seed_commitment(self) -> bytes:
        """SHA-256 of the seed, public from the beginning; empty where nothing is drawn."""
        is_lucky = self.terms.order.kind is EnvelopeKind.LUCKY
        return hashlib.sha256(self.seed).digest() if is_lucky else b""

    @property
    def published_seed(self) -> bytes:
        """The seed once the envelope has ended, nothing before."""
        is_lucky = self.terms.order.kind is EnvelopeKind.LUCKY
        return self.seed if is_lucky and self.ended_ms is not None else b""

    def amounts_fen(self) -> tuple[int, ...]:
        """All shares by position, claimed or not: for those who may know."""
        if not self._amounts_fen:
            self._amounts_fen = self._split()
        return self._amounts_fen

    def share_of(self, person_id: PersonId) -> Share | None:
        """What a person got; None when nothing."""
        index = self._positions.get(person_id)
        if index is None:
            return None
        return Share(index, person_id, self.amounts_fen()[index], self._claimed_ms[index])

    def shares(self, start: int = 0, stop: int | None = None) -> list[Share]:
        """Claimed shares, in the order of claiming, from one position up to another."""
        people = self._claimants[start:stop]
        if not people:
            return []
        columns = zip(people, self.amounts_fen()[start:], self._claimed_ms[start:], strict=False)
        return [Share(index, *share) for index, share in enumerate(columns, start)]

    def claims(self, count: int) -> tuple[list[PersonId], list[int]]:
        """Who claimed the first shares, and when, milliseconds since the Unix epoch."""
        return self._claimants[:count], self._claimed_ms[:count]

    def best_luck_index(self) -> int | None:
        """Position of a LUCKY envelope's largest share, the first of equals; None before all are claimed."""
        if self.terms.order.kind is not EnvelopeKind.LUCKY or self.left_fen or self.refusal is not None:
            return None
        amounts = self.amounts_fen()
        return amounts.index(max(amounts))

    def next_share(self, person_id: PersonId, now_ms: int) -> Share:
        """What the next to claim gets. Changes nothing. Raises as `check_claimable`."""
        assert person_id not in self._positions, "nobody gets two shares of one envelope"
        self.check_claimable(now_ms)
        index = len(self._claimants)
        return Share(index, person_id, self.amounts_fen()[index], now_ms)

    def check_claimable(self, now_ms: int) -> None:
        """Raises `EnvelopePending`, `EnvelopeRefused`, `EnvelopeEmpty` or `EnvelopeExpired`."""
        envelope_id = self.terms.envelope_id
        match self.phase:
            case EnvelopePhase.PENDING:
                raise EnvelopePending(envelope_id)
            case EnvelopePhase.REFUSED:
                raise EnvelopeRefused(envelope_id)
            case EnvelopePhase.FINISHED:
                raise EnvelopeEmpty(envelope_id)
            case EnvelopePhase.EXPIRED:
                raise EnvelopeExpired(envelope_id, self.terms.expires_ms)
            case EnvelopePhase.OPEN if now_ms >= self.terms.expires_ms:
                raise EnvelopeExpired(envelope_id, self.terms.expires_ms)

    def check_funded(self) -> None:
        """Raises `EnvelopePending`, or why its money was not held, unless it was.

        That is `BalanceInsufficient`, `SenderUnverified`, `SenderLimitReached` or `EnvelopeRefused`.
        """
        if self.refusal is None:
            if not self.opened:
                raise EnvelopePending(self.terms.envelope_id)
            return
        order, available_fen = self.terms.order, self.refusal.available_fen
        match self.refusal.cause:
            case RefusalCause.BALANCE:
                raise BalanceInsufficient(order.sender_id, order.amount_fen, available_fen)
            case RefusalCause.UNVERIFIED:
                raise SenderUnverified(order.sender_id)
            case RefusalCause.LIMIT:
                raise SenderLimitReached(order.sender_id, order.amount_fen, available_fen)
            case RefusalCause.OTHER:
                raise EnvelopeRefused(self.terms.envelope_id)

    def is_for(self, person_id: PersonId) -> bool:
        """Whether the person sent it or has a share, and so may look at it whatever else changes."""
        return person_id == self.terms.order.sender_id or person_id in self._positions

    def check_known_to(self, person_id: PersonId) -> None:
        """Raises `EnvelopeUnknown` for everyone but the sender while it is not, or never was, open."""
        if not self.opened and person_id != self.terms.order.sender_id:
            raise EnvelopeUnknown(self.terms.envelope_id)

    def add(self, share: Share, *, last: bool) -> None:
        """Folds a claimed share."""
        assert self.phase is EnvelopePhase.OPEN, "shares come out of open envelopes"
        assert share.index == len(self._claimants), "shares are claimed in their order"
        assert share.person_id not in self._positions, "nobody gets two shares of one envelope"
        assert share.amount_fen == self.amounts_fen()[share.index], "what is claimed is what was drawn"
        self._positions[share.person_id] = share.index
        self._claimants.append(share.person_id)
        self._claimed_ms.append(share.claimed_ms)
        self.claimed_fen += share.amount_fen
        assert last == (len(self._claimants) == self.terms.order.share_count), "the last share is the last"
        if last:
            assert self.left_fen == 0, "all shares together are the whole amount"
            self.ended_ms = share.claimed_ms

    def restore_claims(
        self, person_ids: Iterable[PersonId], claimed_ms: Iterable[int], claimed_fen: int
    ) -> None:
        """Takes over what a snapshot kept of its claims; their sum spares those that ended another split."""
        assert not self._claimants, "claims are taken over once"
        self._claimants, self._claimed_ms = list(person_ids), list(claimed_ms)
        self._positions = {person_id: index for index, person_id in enumerate(self._claimants)}
        assert len(self._positions) == len(self._claimed_ms), "every claim has its person and its time"
        self.claimed_fen = claimed_fen

    def expire(self, claimed_fen: int, returned_fen: int, time_ms: int) -> None:
        """Folds the end of its time."""
        assert self.phase is EnvelopePhase.OPEN, "an envelope ends once"
        assert (claimed_fen, returned_fen) == (self.claimed_fen, self.left_fen), (
            "every fen is claimed or returned"
        )
        self.expired = True
        self.ended_ms = time_ms

    def _split(self) -> tuple[int, ...]:
        terms, order = self.terms, self.terms.order
        if order.kind is EnvelopeKind.LUCKY:
            return lucky_split(
                self.seed, terms.envelope_id, order.amount_fen, order.share_count, terms.share_min_fen
            )
        each_fen, rest_fen = divmod(order.amount_fen, order.share_count)
        assert rest_fen == 0, "equal shares are whole fen"
        return (each_fen,) * order.share_count
