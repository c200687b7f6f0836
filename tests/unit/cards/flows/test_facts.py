"""How people have played, from their movements."""

from __future__ import annotations

import numpy as np

from services.cards.domain.exchanges.machine import ExchangeState
from services.cards.domain.flows.facts import play_facts, trails_of
from services.cards.domain.vocabulary import CARDS, Card
from tests.unit.cards.flows_world import HOUR_MS, MINUTE_MS, World
from tests.unit.cards.games import OPENS_MS

ANNA, BAO, CHEN, NOBODY = 1, 2, 3, 4


def a_world() -> World:
    return World(1)


def test_what_was_dealt_given_and_received_is_counted() -> None:
    world = a_world()
    for minute, card in enumerate([Card.HARMONY, Card.HARMONY, Card.DEDICATION]):
        world.deal(OPENS_MS + minute * MINUTE_MS, ANNA, card)
    world.give(OPENS_MS + HOUR_MS, ANNA, BAO, Card.HARMONY)
    facts = world.facts_of(ANNA, BAO, NOBODY)

    assert facts.dealt.tolist() == [3, 0, 0]
    assert facts.given.tolist() == [1, 0, 0]
    assert facts.received.tolist() == [0, 1, 0]
    assert facts.held.tolist() == [2, 1, 0]
    assert facts.have_completed.tolist() == [False] * 3
    assert facts.first_card_at_ms.tolist() == [OPENS_MS, OPENS_MS + HOUR_MS, 0]
    assert facts.deal_to_gift_minutes.tolist() == [60, -1, -1]


def test_a_gift_that_came_home_was_not_given() -> None:
    world = a_world()
    world.deal(OPENS_MS, ANNA, Card.HARMONY)
    request = world.offer(OPENS_MS + MINUTE_MS, ANNA, BAO, Card.HARMONY)
    assert world.facts_of(ANNA).given.tolist() == [1], "as long as it waits it has left"

    world.end(OPENS_MS + 2 * MINUTE_MS, (ANNA, BAO, Card.HARMONY), request, ExchangeState.DECLINED)

    facts = world.facts_of(ANNA)
    assert (facts.given.tolist(), facts.held.tolist()) == ([0], [1])
    assert len(world.given(0)) == 0


def test_the_oldest_copy_leaves_first() -> None:
    world = a_world()
    world.deal(OPENS_MS, ANNA, Card.HARMONY)
    world.deal(OPENS_MS + 10 * MINUTE_MS, ANNA, Card.HARMONY)
    world.give(OPENS_MS + 30 * MINUTE_MS, ANNA, BAO, Card.HARMONY)
    assert world.facts_of(ANNA).deal_to_gift_minutes.tolist() == [30]

    world.give(OPENS_MS + 31 * MINUTE_MS, ANNA, BAO, Card.HARMONY)

    # 30 and 21 minutes: of two the smaller is the median.
    assert world.facts_of(ANNA).deal_to_gift_minutes.tolist() == [21]


def test_cards_of_others_that_are_given_on_say_nothing_about_deals() -> None:
    world = a_world()
    world.deal(OPENS_MS, BAO, Card.HARMONY)
    world.give(OPENS_MS + MINUTE_MS, BAO, ANNA, Card.HARMONY)
    world.give(OPENS_MS + 2 * MINUTE_MS, ANNA, CHEN, Card.HARMONY)

    facts = world.facts_of(ANNA)
    assert (facts.received.tolist(), facts.given.tolist()) == ([1], [1])
    assert facts.deal_to_gift_minutes.tolist() == [-1]


def test_a_set_spends_the_oldest_copy_of_each_card() -> None:
    world = a_world()
    for card in CARDS:
        world.deal(OPENS_MS, ANNA, card)
    world.complete(OPENS_MS + MINUTE_MS, ANNA)
    world.deal(OPENS_MS + 2 * MINUTE_MS, ANNA, Card.HARMONY)
    world.give(OPENS_MS + 9 * MINUTE_MS, ANNA, BAO, Card.HARMONY)

    facts = world.facts_of(ANNA)
    assert facts.have_completed.tolist() == [True]
    assert (facts.dealt.tolist(), facts.held.tolist()) == ([6], [0])
    assert facts.deal_to_gift_minutes.tolist() == [7]


def test_of_people_with_many_movements_the_newest_are_looked_at() -> None:
    world = a_world()
    for minute in range(20):
        world.deal(OPENS_MS + minute * MINUTE_MS, ANNA, Card.HARMONY)
    world.deal(OPENS_MS, BAO, Card.HARMONY)

    facts = world.facts_of(ANNA, BAO, movements_max=16)

    assert facts.dealt.tolist() == [16, 1]
    assert facts.held.tolist() == [20, 1]
    assert facts.first_card_at_ms.tolist() == [OPENS_MS + 4 * MINUTE_MS, OPENS_MS]


def test_facts_stay_as_they_were_while_the_game_goes_on() -> None:
    world = a_world()
    world.deal(OPENS_MS, ANNA, Card.HARMONY)
    trails = trails_of(world.games[0], np.array([ANNA], np.int64))
    for person in range(100, 300):
        world.deal(OPENS_MS + MINUTE_MS, person, Card.HARMONY)
    world.give(OPENS_MS + HOUR_MS, ANNA, BAO, Card.HARMONY)

    facts = play_facts(trails, 16)

    assert (facts.dealt.tolist(), facts.given.tolist(), facts.held.tolist()) == ([1], [0], [1])
