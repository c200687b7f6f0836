"""What is simulated: how many people play for how long, for which cards, from which sources."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from itertools import pairwise

from services.cli.planner.calibration import DAYS_2016, FRIENDS_MEAN_2016, PEOPLE_2016, POOL_FEN_2016

RELEASED_ALL_PPM = 1_000_000
HOUR_S = 3_600
DAY_S = 24 * HOUR_S


class Source(enum.IntEnum):
    """What a card is dealt for, as in the contract."""

    FRIEND = 1
    TAP = 2
    SHARE = 3
    SPONSOR = 4


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many cards each source may deal at most."""

    friend: int
    tap: int
    share: int
    sponsor: int

    def of(self, source: Source) -> int:
        """The quota of one source."""
        return (self.friend, self.tap, self.share, self.sponsor)[source - 1]

    @property
    def total(self) -> int:
        """Of all sources."""
        return self.friend + self.tap + self.share + self.sponsor


@dataclass(frozen=True, slots=True)
class Release:
    """How much of a supply is out when each day ends, in parts per million: all of it on the last one."""

    by_day_ppm: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raises ValueError when it falls, or does not end with everything."""
        if self.by_day_ppm[-1] != RELEASED_ALL_PPM or any(a > b for a, b in pairwise((0, *self.by_day_ppm))):
            raise ValueError("a release rises to everything on its last day")

    def released(self, limit: int, day: int) -> int:
        """How much of `limit` is out when `day`, from 0, ends."""
        return limit * self.by_day_ppm[day] // RELEASED_ALL_PPM


class ReleaseShape(enum.StrEnum):
    """Named ways to let the rare card out."""

    EVEN = "even"
    EARLY = "early"
    LATE = "late"

    def over(self, days: int) -> Release:
        """The same every day; or most of it at the beginning; or at the end."""
        parts = [self._by(day + 1, days) for day in range(days)]
        return Release(tuple(parts))

    def _by(self, day: int, days: int) -> int:
        left = days - day
        match self:
            case ReleaseShape.EVEN:
                return RELEASED_ALL_PPM * day // days
            case ReleaseShape.EARLY:
                return RELEASED_ALL_PPM - RELEASED_ALL_PPM * left * left // (days * days)
            case ReleaseShape.LATE:
                return RELEASED_ALL_PPM * day * day // (days * days)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How many cards a person who never misses a day would earn, on average, over the whole game."""

    friends: float = FRIENDS_MEAN_2016
    """Friends made, one card each."""
    taps: float = 5.0
    """Cards from taps."""
    shares: float = 2.0
    """Cards from sharing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A game to plan. Counts are those of the real game; `sample` people stand for `people`."""

    quotas: Quotas
    people: int = PEOPLE_2016
    sample: int = PEOPLE_2016
    days: int = DAYS_2016
    pool_fen: int = POOL_FEN_2016
    wishes: Wishes = Wishes()
    shape: ReleaseShape = ReleaseShape.EVEN

    @property
    def release(self) -> Release:
        """How the rare card is let out."""
        return self.shape.over(self.days)

    def in_sample(self, count: int) -> int:
        """What a count of the real game is in the sample, rounded to the nearest."""
        return (count * self.sample + self.people // 2) // self.people

    def in_reality(self, count: float) -> int:
        """What a count of the sample is in the real game, rounded to the nearest."""
        return round(count * self.people / self.sample)

    def sampled(self) -> Setting:
        """The game of the sample alone, as if it were the whole one."""
        quotas = Quotas(*(self.in_sample(self.quotas.of(source)) for source in Source))
        return replace(self, quotas=quotas, people=self.sample)


def quotas_for(people: int, wishes: Wishes) -> Quotas:
    """As much as people would earn if nobody missed a day; the sponsor gives nothing away."""
    return Quotas(
        friend=round(people * wishes.friends),
        tap=round(people * wishes.taps),
        share=round(people * wishes.shares),
        sponsor=0,
    )
