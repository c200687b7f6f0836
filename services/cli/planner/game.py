"""One simulated game, from the first card to the deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.cli.planner.calibration import TEMPER, Temper
from services.cli.planner.chance import Chance, Purpose, below
from services.cli.planner.earning import Earning
from services.cli.planner.exchange import Exchange
from services.cli.planner.friends import Friendships, Indexes
from services.cli.planner.hands import ORDINARY, Hands, Mask, empty_hands
from services.cli.planner.people import SLICE, Habits, People, habits_of, people_of
from services.cli.planner.setting import Setting, Source


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a game ended, in cards and people of the sample."""

    rare_limit: int
    rare_issued: int
    cards_dealt: tuple[int, ...]
    """By source, in the order of the enum; rare and ordinary ones."""
    people_active: int
    """Who was dealt a card, at least."""
    sets: int
    rare_unfinished: int
    """Rare cards in hands that never finished."""
    rare_left_over: int
    """Rare cards that those who finished had left."""


class Crowd:
    """People and their friends, who can play the same days again and again under other rules."""

    def __init__(self, setting: Setting, seed: int, temper: Temper = TEMPER) -> None:
        self._setting = setting.sampled()
        self._chance = Chance(seed)
        self._temper = temper
        self._people = people_of(self._chance, setting.sample, temper, setting.wishes.friends)
        self._habits = habits_of(temper, setting.wishes, setting.days)
        self._friendships = Friendships(self._chance, self._people.friend_counts)

    def play(self, rare_limit: int, after_day: Callable[[int], None] = lambda _day: None) -> Outcome:
        """Plays a game with so many rare cards; `after_day` is told how many days are over."""
        game = _Game(self._setting, rare_limit, self._people, self._habits, self._chance)
        exchange = Exchange(self._people, self._habits, self._friendships, self._temper, self._chance)
        for day in range(self._setting.days):
            looking = game.deal(day)
            game.hands.complete(looking)
            exchange.hold(game.hands, day, looking)
            game.hands.complete(looking)
            game.give_up(day)
            after_day(day + 1)
        return game.outcome()


class _Game:
    """What changes during a game."""

    def __init__(
        self, setting: Setting, rare_limit: int, people: People, habits: Habits, chance: Chance
    ) -> None:
        self._setting = setting
        self._release = setting.release
        self._rare_limit = rare_limit
        self._people = people
        self._habits = habits
        self._chance = chance
        self._earning = Earning(people, habits, setting.quotas, setting.days, chance)
        self._active = np.zeros(len(people), np.bool_)
        self._quit = np.zeros(len(people), np.bool_)
        self.hands: Hands = empty_hands(len(people))

    def deal(self, day: int) -> Mask:
        """Deals a day's cards, and says who looks at their hand."""
        lived = self._earning.live(day, ~(self._quit | self.hands.done))
        cards = self._earning.deal(day, lived)
        self._active |= cards > 0
        places = self._rare_places(day, cards)
        self.hands.deal_rare(places)
        np.subtract.at(cards, places, np.uint16(1))
        for part, start in enumerate(range(0, len(cards), SLICE)):
            cut = slice(start, min(len(cards), start + SLICE))
            words = self._chance.words(Purpose.KINDS, day, part, cut.stop - start)
            self.hands.deal_ordinary(cut, cards[cut], words)
        looking = lived.looking & ~self._quit
        self._remind(day, looking)
        return looking

    def _remind(self, day: int, looking: Mask) -> None:
        """Friends speak to those who hold the rare card and do not look."""
        holders = np.flatnonzero((self.hands.rare > 0) & ~looking & ~self._quit & ~self.hands.done)
        words = self._chance.words(Purpose.REMINDING, day, 0, (len(holders) + 3) // 4)
        limits = self._habits.reminded[self._people.curiosity[holders]]
        looking[holders] = words.view("<u2")[: len(holders)] < limits

    def give_up(self, day: int) -> None:
        """Some of those without a set lose interest over night."""
        for part, start in enumerate(range(0, len(self._quit), SLICE)):
            cut = slice(start, min(len(self._quit), start + SLICE))
            count = cut.stop - start
            words = self._chance.words(Purpose.QUITTING, day, part, (count + 3) // 4)
            kinds = self._people.quitting[cut]
            limits = np.where(
                self.hands.rare[cut] > 0, self._habits.quitting_with_rare[kinds], self._habits.quitting[kinds]
            )
            self._quit[cut] |= (words.view("<u2")[:count] < limits) & ~self.hands.done[cut]

    def outcome(self) -> Outcome:
        """How it ended. Raises AssertionError when a card or a limit was passed."""
        hands = self.hands
        hands.require_conservation()
        dealt, quotas = self._earning.dealt, self._setting.quotas
        if hands.rare_issued > self._rare_limit or any(dealt[one - 1] > quotas.of(one) for one in Source):
            raise AssertionError(f"{hands.rare_issued} rare cards and {dealt} in all are above the limits")
        if sum(dealt) != hands.rare_issued + hands.ordinary_issued:
            raise AssertionError(f"{dealt} cards were dealt, but other numbers went into hands")
        return Outcome(
            rare_limit=self._rare_limit,
            rare_issued=hands.rare_issued,
            cards_dealt=tuple(self._earning.dealt),
            people_active=int(self._active.sum()),
            sets=hands.sets,
            rare_unfinished=int(hands.rare[~hands.done].sum(dtype=np.int64)),
            rare_left_over=int(hands.rare[hands.done].sum(dtype=np.int64)),
        )

    def _rare_places(self, day: int, cards: NDArray[np.uint16]) -> Indexes:
        """Who gets today's rare cards: one in each stretch of equally many cards, as decks have it.

        A card of which there is more than enough is as frequent in a deck as each of the others, and no more.
        """
        starts = range(0, len(cards), SLICE)
        reached = np.cumsum([cards[start : start + SLICE].sum(dtype=np.int64) for start in starts])
        dealt = int(reached[-1])
        due = self._release.released(self._rare_limit, day) - self.hands.rare_issued
        rare = min(due, -(-dealt // (ORDINARY + 1)))
        if rare <= 0:
            return np.zeros(0, np.int64)
        begins = np.arange(rare + 1, dtype=np.int64) * dealt // rare
        words = self._chance.halves(Purpose.PLACES, day, 0, rare)
        places = begins[:-1] + below(words, np.diff(begins))
        bounds = np.searchsorted(places, reached)  # Slice by slice, a running sum stays in the cache.
        persons = [np.zeros(0, np.int64)]
        for start, first, last, before in zip(starts, (0, *bounds), bounds, (0, *reached), strict=False):
            sums = np.cumsum(cards[start : start + SLICE], dtype=np.int64)
            persons.append(start + np.searchsorted(sums, places[first:last] - before, side="right"))
        return np.concatenate(persons)


def play(setting: Setting, rare_limit: int, seed: int, temper: Temper = TEMPER) -> Outcome:
    """One game of the sample; `rare_limit` is that of the whole game."""
    return Crowd(setting, seed, temper).play(setting.in_sample(rare_limit))


def scaled(outcome: Outcome, setting: Setting) -> Outcome:
    """The same outcome as counts of the real game."""
    real = setting.in_reality
    return replace(
        outcome,
        rare_limit=real(outcome.rare_limit),
        rare_issued=real(outcome.rare_issued),
        cards_dealt=tuple(real(count) for count in outcome.cards_dealt),
        people_active=real(outcome.people_active),
        sets=real(outcome.sets),
        rare_unfinished=real(outcome.rare_unfinished),
        rare_left_over=real(outcome.rare_left_over),
    )
