"""What is known of 2016, and the traits of people that were chosen so that the model gives it back."""

from __future__ import annotations

from dataclasses import dataclass

PEOPLE_2016 = 200_000_000
"""About so many took part."""
RARE_LIMIT_2016 = 826_888
"""Rare cards that were issued."""
POOL_FEN_2016 = 21_500_000_000
"""The pool: 215,000,000 yuan."""
SHARE_FEN_2016 = 27_166
"""What each got: 271.66 yuan."""
SETS_2016 = range(791_402, 791_431)
"""The counts of completed sets that this share fits."""
SETS_ALTERNATIVE = 20_000_000
"""The other option that was weighed: so many complete, at about 10 yuan."""
FRIENDS_MEAN_2016 = 11
"""Relations gained by a person: 1.1 billion in all, each of which two people have."""
DAYS_2016 = 11
"""From 28 January to New Year's Eve, 7 February."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How people are. All but one value are guesses of what is usual; `curiosity` was fitted: see README."""

    friends_tail: float = 2.5
    """Exponent of the tail of how many friends people have; the smaller, the heavier."""
    activity_spread: float = 1.0
    """Spread of the logarithm of activity: of how often somebody plays, and how many cards they earn."""
    presence: float = 0.9
    """Somebody of mean activity plays on a day with probability 1 - exp(-presence)."""
    curiosity: float = 0.745
    """Half of the people look at their hand on more than this share of the days they play. Fitted."""
    curiosity_spread: float = 1.0
    """Spread of its log odds."""
    reminders: int = 3
    """Who holds the rare card and does not look is reminded so often a day, and each time looks as they would
    when playing: friends and headlines speak of nothing else."""
    generosity: float = 0.5
    """Half of the people grant more of what friends ask for than this share."""
    generosity_spread: float = 1.0
    """Spread of its log odds."""
    quitting: float = 0.03
    """Half of the people give up with more than this probability after a day without a set."""
    quitting_spread: float = 1.0
    """Spread of its log odds."""
    quitting_with_rare: float = 0.1
    """Who holds the rare card gives up so much less often."""
    asking: float = 0.5
    """Who misses an ordinary card and looks asks a friend for it with this probability."""
    asks_with_rare: int = 12
    """Who holds the rare card and misses another one asks so many friends a day."""
    gift_tries: int = 3
    """Who has a rare card to spare offers it to so many friends a day."""
    parting: float = 0.05
    """Who holds one rare card and misses two others gives it to a friend who misses nothing else: this times
    generosity is the probability a day."""


TEMPER = Temper()
