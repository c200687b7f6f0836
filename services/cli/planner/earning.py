"""What people do on a day, and which cards they earn with it, within the quotas of the sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cli.planner.chance import LEVEL_COUNT, POISSON_LEVELS, Chance, Purpose
from services.cli.planner.people import SLICE, Habits, People
from services.cli.planner.setting import Quotas, Source

Counts = NDArray[np.uint16]
Mask = NDArray[np.bool_]

_LEVEL_SHIFT = (LEVEL_COUNT // POISSON_LEVELS).bit_length() - 1


@dataclass(frozen=True, slots=True)
class Day:
    """What people do on one day."""

    looking: Mask
    """Who looks at the hand, and so can complete a set, ask, and give."""
    wanted: Mapping[Source, Counts]
    """Cards that each person would be dealt."""


class Earning:
    """Goes from day to day, and knows who made how many friends so far."""

    def __init__(self, people: People, habits: Habits, quotas: Quotas, days: int, chance: Chance) -> None:
        self._people = people
        self._habits = habits
        self._quotas = quotas
        self._days = days
        self._chance = chance
        self._friends_made = np.zeros(len(people), np.uint16)
        # Used again every day: the system takes its time to give memory that was given back.
        self._wanted = [np.empty(len(people), np.uint16) for _ in range(3)]
        self._total = np.empty(len(people), np.uint16)
        self.dealt = [0] * len(Source)
        """Cards dealt so far, by source in the order of the enum."""

    def live(self, day: int, playing: Mask) -> Day:
        """What those do who have neither given up nor a set; the latter only look now and then."""
        count = len(self._people)
        looking = np.empty(count, np.bool_)
        friend, tap, share = self._wanted
        taps, shares = self._habits.taps.ravel(), self._habits.shares.ravel()
        for part, start in enumerate(range(0, count, SLICE)):
            cut = slice(start, min(count, start + SLICE))
            levels = self._levels(day, part, cut.stop - start)
            activity = self._people.activity[cut]
            present = levels[:, 0] < self._habits.presence[activity]
            looking[cut] = present & (levels[:, 1] < self._habits.curiosity[self._people.curiosity[cut]])
            present &= playing[cut]
            row = activity.astype(np.uint32) * POISSON_LEVELS
            tap[cut] = taps[row + (levels[:, 2] >> _LEVEL_SHIFT)] * present
            share[cut] = shares[row + (levels[:, 3] >> _LEVEL_SHIFT)] * present
            friend[cut] = self._new_friends(day, cut, present)
        wanted = {Source.FRIEND: friend, Source.TAP: tap, Source.SHARE: share}
        if self._quotas.sponsor:
            wanted[Source.SPONSOR] = self._gifts_of_sponsor(day)
        return Day(looking, wanted)

    def deal(self, day: int, wanted: Day) -> Counts:
        """Cards that each person is dealt: what they would be, as far as quotas go; for this day only."""
        self._total.fill(0)
        for source, cards in wanted.wanted.items():
            left = self._quotas.of(source) - self.dealt[source - 1]
            asked = int(cards.sum(dtype=np.int64))
            self._total += cards if asked <= left else self._first(cards, left, day, source)
            self.dealt[source - 1] += min(asked, left)
        return self._total

    def _levels(self, day: int, part: int, count: int) -> NDArray[np.uint16]:
        return self._chance.words(Purpose.DAY, day, part, count).view("<u2").reshape(-1, 4)

    def _new_friends(self, day: int, cut: slice, present: Mask) -> NDArray[np.uint16]:
        """Friends are made evenly over the days; who was away for some makes up for it."""
        counts = self._people.friend_counts[cut].astype(np.uint32)
        # A golden-ratio offset decides on which days those with few friends make them.
        offsets = np.arange(cut.start, cut.stop, dtype=np.uint32) * np.uint32(40_503) % LEVEL_COUNT
        due = counts.astype(np.uint64) * np.uint64((day + 1) * LEVEL_COUNT) // np.uint64(self._days)
        due_now = ((due + offsets) >> np.uint64(16)).astype(np.uint16)
        made = self._friends_made[cut]
        new = (due_now - made) * present
        made += new
        return new

    def _gifts_of_sponsor(self, day: int) -> Counts:
        """The sponsor's cards go to as many people as there are, from anybody on, evenly over the days."""
        quota, count = self._quotas.of(Source.SPONSOR), len(self._people)
        gifts = quota * (day + 1) // self._days - quota * day // self._days
        each, rest = divmod(gifts, count)
        cards = np.full(count, each, np.uint16)
        cards[:rest] += np.uint16(1)
        return np.roll(cards, self._anybody(Purpose.SPONSOR, day, Source.SPONSOR))

    def _first(self, cards: Counts, left: int, day: int, source: Source) -> Counts:
        """The first of the day get theirs, as far as it goes; the day begins with anybody."""
        begin = self._anybody(Purpose.QUOTA, day, source)
        asked = np.roll(cards, -begin).astype(np.int64)
        before = np.cumsum(asked) - asked
        within: Counts = np.roll(np.clip(left - before, 0, asked), begin).astype(np.uint16)
        return within

    def _anybody(self, purpose: Purpose, day: int, source: Source) -> int:
        return int(self._chance.words(purpose, day, source, 1)[0] % np.uint64(len(self._people)))
