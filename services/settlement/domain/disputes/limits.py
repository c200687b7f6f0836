"""How much disputing there may be, and how a year is counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.settlement.domain.disputes.chapter import Disputes
from services.settlement.domain.disputes.dispute import Dispute, DisputedEntry
from services.settlement.domain.disputes.errors import DisputeLimitExceeded, EntryCompensated
from services.settlement.domain.tiers import year_in_beijing

DAY_MS = 24 * 3600 * 1000
_YEAR_DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class DisputeLimits:
    """The limits; the settings of the same names say more."""

    open_max: int
    """Disputes of one person that have not ended."""
    year_max: int
    """Disputes that one person opens in a calendar year in Beijing."""
    year_fen_max: int
    """What one person's disputes may be decided to pay in such a year."""
    shard_max: int
    """Disputes that one shard remembers."""
    shard_bytes_max: int
    """What their steps may take, on record as in memory, before no more are taken."""
    bytes_max: int
    """What the steps of one dispute may take before no more evidence is."""
    evidence_max: int
    """Pieces of evidence of one dispute, beside the words that it is opened with."""
    steps_max: int
    """Steps of one dispute after which it can only be rejected, or taken back."""
    approval_above_fen: int
    """What an entry may be compensated by without a second operator."""
    entry_age_days_max: int
    """How long ago a disputed entry may have been posted."""
    retention_days: int
    """How long a dispute is remembered after its end, at least."""
    request_ahead_ms_max: int
    """How far ahead `request_ends_at` may be; less than the retention."""

    def forget_ms(self, entry: DisputedEntry, ended_ms: int) -> int:
        """From when on a dispute that ends now counts for no limit any more."""
        return max(
            ended_ms + self.retention_days * DAY_MS,
            entry.posted_ms + self.entry_age_days_max * DAY_MS + 1,
            _year_over_ms(ended_ms),
        )


def check_may_open(
    disputes: Disputes, person_id: int, entry: DisputedEntry, now_ms: int, limits: DisputeLimits
) -> None:
    """Raises `DisputeLimitExceeded` and `EntryCompensated`."""
    of_person = disputes.of_person(person_id)
    year = year_in_beijing(now_ms)
    opened = sum(year_in_beijing(dispute.opened.time_ms) == year for dispute in of_person)
    _check("dispute_open_max", sum(not dispute.state.ended for dispute in of_person), limits.open_max)
    _check("dispute_year_max", opened, limits.year_max)
    _check("dispute_shard_max", len(disputes), limits.shard_max)
    _check("dispute_shard_bytes_max", disputes.kept_bytes, limits.shard_bytes_max)
    if not left_fen(disputes.of_entry(person_id, entry), entry):
        raise EntryCompensated(
            "all that the entry moved was paid back",
            seq=entry.seq,
            line=entry.line,
            amount_fen=entry.amount_fen,
        )


def check_may_add(disputes: Disputes, dispute: Dispute, limits: DisputeLimits) -> None:
    """Raises `DisputeLimitExceeded`."""
    _check("dispute_evidence_max", dispute.evidence_count, limits.evidence_max)
    _check("dispute_bytes_max", dispute.kept_bytes, limits.bytes_max)
    _check("dispute_shard_bytes_max", disputes.kept_bytes, limits.shard_bytes_max)


def check_may_pay(
    disputes: Disputes, dispute: Dispute, amount_fen: int, now_ms: int, limits: DisputeLimits
) -> None:
    """Raises `DisputeLimitExceeded` for too much in this year, and for a dispute without an end."""
    _check("dispute_steps_max", len(dispute.steps), limits.steps_max)
    owed_fen = owed_in_year_fen(disputes.of_person(dispute.person_id), year_in_beijing(now_ms))
    if owed_fen + amount_fen > limits.year_fen_max:
        raise DisputeLimitExceeded(
            f"{owed_fen} fen of {limits.year_fen_max} are used in this year",
            limit="dispute_year_fen_max",
            used=owed_fen,
            max=limits.year_fen_max,
        )


def owed_in_year_fen(disputes: Iterable[Dispute], year: int) -> int:
    """What disputes were decided to pay in a calendar year in Beijing, fen."""
    return sum(
        dispute.owed_fen
        for dispute in disputes
        if dispute.decided is not None and year_in_beijing(dispute.decided.time_ms) == year
    )


def left_fen(disputes: Iterable[Dispute], entry: DisputedEntry) -> int:
    """What all disputes of an entry have left of it, fen."""
    return entry.amount_fen - sum(dispute.owed_fen for dispute in disputes)


def _check(limit: str, used: int, most: int) -> None:
    if used >= most:
        raise DisputeLimitExceeded(f"{used} of {most} are used", limit=limit, used=used, max=most)


def _year_over_ms(now_ms: int) -> int:
    """A moment at which the calendar year in Beijing is over for certain."""
    return now_ms + _YEAR_DAYS_MAX * DAY_MS
