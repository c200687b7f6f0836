"""Honest people, popular ones among them, and rings that buy cards up."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from services.cards.domain.vocabulary import CARDS, Card
from tests.unit.cards.flows_world import DAY_MS, HOUR_MS, MINUTE_MS, World
from tests.unit.cards.games import OPENS_MS

HONEST = range(1, 901)
STARS = range(5_001, 5_005)
FANS_PER_STAR = 90
BUYER, COLLECTORS, MULES = 7_001, range(7_101, 7_104), range(8_001, 8_201)
"""A ring whose accounts give to several collectors."""
LONELY_BUYER, LONELY_COLLECTORS, LONELY_MULES = 7_002, range(7_201, 7_203), range(9_001, 9_081)
"""A ring where each account knows one collector, and only the buyer knows them all."""
_DAYS = 5


@dataclass(slots=True)
class Story:
    """Events to be played in order of time."""

    chance: random.Random
    events: list[tuple[int, int, str, tuple[int, ...]]] = field(default_factory=list)

    def add(self, time_ms: int, what: str, *parts: int) -> None:
        self.events.append((OPENS_MS + time_ms, len(self.events), what, parts))

    def play(self, world: World) -> None:
        for time_ms, _, what, parts in sorted(self.events):
            if what == "deal":
                world.deal(time_ms, *parts)
            elif what == "give" and world.copies(parts[0], parts[2]):
                world.give(time_ms, *parts)
            elif what == "complete" and all(world.copies(parts[0], card) for card in Card):
                world.complete(time_ms, parts[0])


def an_evening(seed: int, *, with_rings: bool = True) -> Story:
    """Everybody plays for some days."""
    story = Story(random.Random(seed))  # noqa: S311 - the same people every time
    for person in HONEST:
        _honest(story, person)
    for star in STARS:
        _popular(story, star)
    if with_rings:
        for mule in MULES:
            _mule(story, mule, story.chance.sample(COLLECTORS, 2))
        for number, mule in enumerate(LONELY_MULES):
            _mule(story, mule, [LONELY_COLLECTORS[number % len(LONELY_COLLECTORS)]])
        for collector in COLLECTORS:
            _hands_on(story, collector, BUYER)
        for collector in LONELY_COLLECTORS:
            _hands_on(story, collector, LONELY_BUYER)
    return story


def _honest(story: Story, person: int) -> None:
    """Earns cards now and then, gives some to friends, and completes with luck."""
    chance = story.chance
    for _ in range(chance.randint(1, 9)):
        when = chance.randrange(_DAYS * DAY_MS)
        story.add(when, "deal", person, chance.choices(CARDS, weights=(6, 6, 6, 6, 1))[0])
        if chance.random() < 0.3:
            friend = (person + chance.randint(1, 30)) % len(HONEST) + 1
            later = when + chance.randrange(DAY_MS)
            if friend != person:
                story.add(later, "give", person, friend, chance.choice(CARDS))
    story.add(_DAYS * DAY_MS, "complete", person)


def _popular(story: Story, star: int) -> None:
    """Plays, too; many give them a card, and some of those never come back."""
    chance = story.chance
    _honest(story, star)
    for fan in chance.sample(HONEST, FANS_PER_STAR):
        card = chance.choice(CARDS)
        when = chance.randrange(_DAYS * DAY_MS)
        story.add(when, "deal", fan, card)
        story.add(when + chance.randrange(12 * HOUR_MS), "give", fan, star, card)
    for fan in range(star * 100, star * 100 + FANS_PER_STAR // 10):
        when = chance.randrange(_DAYS * DAY_MS)
        story.add(when, "deal", fan, Card.HARMONY)
        story.add(when + 5 * MINUTE_MS, "give", fan, star, Card.HARMONY)


def _mule(story: Story, mule: int, collectors: list[int]) -> None:
    """Was made to earn cards, and gives all of them away at once."""
    chance = story.chance
    begins = chance.randrange(2 * DAY_MS)
    for index in range(chance.randint(2, 4)):
        when = begins + index * HOUR_MS
        card = chance.choices(CARDS, weights=(1, 1, 1, 1, 6))[0]
        story.add(when, "deal", mule, card)
        story.add(when + chance.randrange(1, 20) * MINUTE_MS, "give", mule, chance.choice(collectors), card)


def _hands_on(story: Story, collector: int, buyer: int) -> None:
    for index in range(100):
        story.add(3 * DAY_MS + index * MINUTE_MS, "give", collector, buyer, Card.DEDICATION)
