"""Tiers: how much money may leave a person's wallet, by how much evidence there is of the person."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass


class PersonTier(enum.IntEnum):
    """How much evidence there is of a verified person. The numbers are those of the contract."""

    I = 1  # noqa: E741 - the field's own name for it
    II = 2
    III = 3


LIFETIME = "lifetime"
_BEIJING_OFFSET = dt.timedelta(hours=8)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - Beijing's clock, counted from its own midnight


@dataclass(frozen=True, slots=True)
class TierLimit:
    """The most that may leave a wallet."""

    limit_fen: int
    yearly: bool
    """Whether it is for each calendar year in Beijing, or for ever."""


TIER_LIMITS = {
    PersonTier.I: TierLimit(1_000_00, yearly=False),
    PersonTier.II: TierLimit(100_000_00, yearly=True),
    PersonTier.III: TierLimit(200_000_00, yearly=True),
}
"""Source: People's Bank of China, Administrative Measures for Online Payment Services of Non-bank Payment
Institutions (2015), article 11: out of accounts of class I go at most 1,000 yuan ever, of classes II and III
100,000 and 200,000 yuan a year."""


@dataclass(slots=True)
class Outflow:
    """What has left one person's wallet and has not come back, fen."""

    lifetime_fen: int = 0
    year: int = 0
    """The last calendar year in Beijing in which anything left."""
    year_fen: int = 0
    """In that year."""
    year_before_fen: int = 0
    """In the year before that one. An envelope counts at the last moment at which its money may be taken,
    which may be in the new year while withdrawals still count in the old one."""

    def left(self, amount_fen: int, year: int) -> None:
        """Counts money that has left."""
        self.lifetime_fen += amount_fen
        if year > self.year:
            self.year_before_fen = self.year_fen if year == self.year + 1 else 0
            self.year, self.year_fen = year, 0
        if year == self.year:
            self.year_fen += amount_fen
        elif year == self.year - 1:
            self.year_before_fen += amount_fen

    def came_back(self, amount_fen: int, year: int) -> None:
        """Takes back what `left` counted; `year` is that in which it left."""
        # A snapshot that was made before outflows were counted knows nothing of what left then.
        self.lifetime_fen = max(0, self.lifetime_fen - amount_fen)
        if year == self.year:
            self.year_fen = max(0, self.year_fen - amount_fen)
        elif year == self.year - 1:
            self.year_before_fen = max(0, self.year_before_fen - amount_fen)

    def used_fen(self, year: int) -> int:
        """What counts in a year; of those before the last two nothing is known, and nothing can leave."""
        if year == self.year:
            return self.year_fen
        return self.year_before_fen if year == self.year - 1 else 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a person may still take out of the wallet."""

    tier: PersonTier
    limit_fen: int
    used_fen: int
    period: str
    """The year that it is for, such as "2016", or "lifetime"."""

    @property
    def left_fen(self) -> int:
        """What is left of the limit; 0 where more was used, as after a change of the rules."""
        return max(0, self.limit_fen - self.used_fen)


def allowance(tier: PersonTier, outflow: Outflow, at_ms: int) -> Allowance:
    """What a person of a tier may still take out at a moment, milliseconds since the Unix epoch."""
    limit = TIER_LIMITS[tier]
    if not limit.yearly:
        return Allowance(tier, limit.limit_fen, outflow.lifetime_fen, LIFETIME)
    year = year_in_beijing(at_ms)
    return Allowance(tier, limit.limit_fen, outflow.used_fen(year), str(year))


def year_in_beijing(at_ms: int) -> int:
    """The calendar year there; China has had one time zone and no summer time since 1992."""
    return (_EPOCH + _BEIJING_OFFSET + dt.timedelta(milliseconds=at_ms)).year
