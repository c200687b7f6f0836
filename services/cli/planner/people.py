"""Who plays: traits and number of friends of each person, one byte or two each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cli.planner.calibration import Temper
from services.cli.planner.chance import (
    LEVEL_COUNT,
    Chance,
    Levels,
    Purpose,
    log_normal,
    poisson_table,
    shares,
    thresholds,
)
from services.cli.planner.setting import Wishes

SLICE = 1 << 17
"""People that are worked on at once: what they need stays in a core's cache."""

Trait = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class People:
    """Traits by person. Who has which index says nothing about them: any order is a random order."""

    activity: Trait
    curiosity: Trait
    generosity: Trait
    quitting: Trait
    friend_counts: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.activity)


@dataclass(frozen=True, slots=True)
class Habits:
    """What the classes of traits stand for. Probabilities are thresholds of 16-bit words."""

    presence: Levels
    """By activity: to play on a day."""
    taps: NDArray[np.uint8]
    """By (activity, level): cards from taps on a day on which somebody plays."""
    shares: NDArray[np.uint8]
    """By (activity, level): cards from sharing on such a day."""
    curiosity: Levels
    """By curiosity: to look at the hand on such a day."""
    reminded: Levels
    """By curiosity: to look in the course of a day, for who holds the rare card."""
    generosity: Levels
    """By generosity: to grant what a friend asks for."""
    quitting: Levels
    """By quitting: to give up after a day."""
    quitting_with_rare: Levels
    """By quitting: the same for who holds the rare card."""


def people_of(chance: Chance, count: int, temper: Temper, friends_mean: float) -> People:
    """So many people, chosen by the seed."""
    friend_table = _friend_counts(friends_mean, temper.friends_tail)
    traits = [np.empty(count, np.uint8) for _ in range(4)]
    friend_counts = np.empty(count, np.uint16)
    for part, start in enumerate(range(0, count, SLICE)):
        stop = min(count, start + SLICE)
        words = chance.words(Purpose.PEOPLE, 0, part, stop - start)
        letters = words.view(np.uint8).reshape(-1, 8)
        for trait, column in zip(traits, letters.T, strict=False):
            trait[start:stop] = column
        friend_counts[start:stop] = friend_table[words.view("<u2").reshape(-1, 4)[:, 2]]
    activity, curiosity, generosity, quitting = traits
    return People(activity, curiosity, generosity, quitting, friend_counts)


def habits_of(temper: Temper, wishes: Wishes, days: int) -> Habits:
    """What people of each class do on one of so many days."""
    activity = log_normal(temper.activity_spread)
    presence = 1 - np.exp(-temper.presence * activity)
    # Who plays more rarely earns on the days on which they do play what makes up their mean.
    a_day = activity / (days * presence)
    curiosity = shares(temper.curiosity, temper.curiosity_spread)
    quitting = shares(temper.quitting, temper.quitting_spread)
    return Habits(
        presence=thresholds(presence),
        taps=poisson_table(wishes.taps * a_day),
        shares=poisson_table(wishes.shares * a_day),
        curiosity=thresholds(curiosity),
        reminded=thresholds(1 - (1 - curiosity) ** temper.reminders),
        generosity=thresholds(shares(temper.generosity, temper.generosity_spread)),
        quitting=thresholds(quitting),
        quitting_with_rare=thresholds(quitting * temper.quitting_with_rare),
    )


def _friend_counts(mean: float, tail: float) -> NDArray[np.uint16]:
    """Numbers of friends by level: Lomax, so that few have very many; its scale is found by bisection."""
    beyond = 1 - (np.arange(LEVEL_COUNT) + 0.5) / LEVEL_COUNT
    excess = beyond ** (-1 / tail) - 1
    low, high = 0.0, 4 * (mean + 1) * max(1.0, tail - 1)
    for _ in range(40):
        scale = (low + high) / 2
        low, high = (scale, high) if np.floor(scale * excess).mean() < mean else (low, scale)
    return np.minimum(np.floor(high * excess), LEVEL_COUNT - 1).astype(np.uint16)
