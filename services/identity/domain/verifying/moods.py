"""How simulated providers behave: drawn from the reference, so that the same question meets the same mood."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import Final

from services.identity.domain.resident_id import ResidentId
from services.identity.domain.verifying.checks import Reference

PPM: Final = 1_000_000


class Mood(enum.Enum):
    """What becomes of a question beside its answer."""

    PROMPT = enum.auto()
    LATE = enum.auto()
    """No answer while anybody waits; then a report."""
    TWICE = enum.auto()
    """An answer, and the same again as a report."""
    CONTRADICTING = enum.auto()
    """An answer, and another one as a report."""
    FAILING = enum.auto()
    """An error at the first try; the next one is answered."""
    SILENT = enum.auto()
    """Nothing, ever."""


MOOD_BY_SEQUENCE: Final = {
    991: Mood.FAILING,
    992: Mood.CONTRADICTING,
    993: Mood.TWICE,
    994: Mood.LATE,
}
"""Sequences of resident IDs about whom applications meet a mood: for tests and demos."""
SEQUENCE_FORGED: Final = 995
"""The ID authority finds the document not genuine."""
SEQUENCE_EXPIRED: Final = 996
"""The ID authority finds that the document has run out."""
SEQUENCE_UNLOOKED: Final = 997
"""The ID authority never looks at the photos: the way to meet AUTHORITY_UNAVAILABLE."""


@dataclass(frozen=True, slots=True)
class Moods:
    """Shares of questions that meet each mood, in parts per million; the rest are answered promptly."""

    late_ppm: int = 0
    twice_ppm: int = 0
    contradicting_ppm: int = 0
    failing_ppm: int = 0
    silent_ppm: int = 0

    def __post_init__(self) -> None:
        """Shares of one whole."""
        shares = [share for _, share in self._shares()]
        assert min(shares) >= 0, "a share is not negative"
        assert sum(shares) <= PPM, "all shares together are at most the whole"

    def of(self, reference: Reference, resident_id: ResidentId, seed: int) -> Mood:
        """The mood that a question meets, whoever asks it and however often."""
        special = MOOD_BY_SEQUENCE.get(int(resident_id.number[14:17]))
        if special is not None:
            return special
        key = seed.to_bytes(8, "big")
        drawn = (
            int.from_bytes(hashlib.blake2b(reference.encode(), digest_size=8, key=key).digest(), "big") % PPM
        )
        for mood, share in self._shares():
            if drawn < share:
                return mood
            drawn -= share
        return Mood.PROMPT

    def _shares(self) -> tuple[tuple[Mood, int], ...]:
        return (
            (Mood.LATE, self.late_ppm),
            (Mood.TWICE, self.twice_ppm),
            (Mood.CONTRADICTING, self.contradicting_ppm),
            (Mood.FAILING, self.failing_ppm),
            (Mood.SILENT, self.silent_ppm),
        )
