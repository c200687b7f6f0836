"""People of a shard who received from many, and which of them belong together."""

from __future__ import annotations

import numpy as np
import pytest

from services.cards.domain.exchanges.machine import ExchangeState
from services.cards.domain.flows.given import ROWS_PER_COPY, copy_given
from services.cards.domain.flows.hubs import Hub, HubBounds, ShardHubs, find_hubs
from services.cards.domain.flows.joining import (
    FORWARDED_CARDS_MIN,
    GIVER_HUBS_MAX,
    SHARED_GIVERS_MIN,
    HubGathering,
    join_hubs,
)
from services.cards.domain.flows.sides import EMPTY_SIDE, FlowSide, flows_between, sides_together
from services.cards.domain.vocabulary import Card
from tests.unit.cards.flows_world import MINUTE_MS, World
from tests.unit.cards.games import OPENS_MS

HUB = 1
WIDE = HubBounds(hubs_max=100, givers_max=100, receivers_max=100)


def a_side(*people: int, cards: int = 1) -> FlowSide:
    """Each gave or got so many cards of one kind."""
    count = len(people)
    kinds = np.zeros((count, 5), np.int64)
    kinds[:, 0] = cards
    return FlowSide(np.array(sorted(people), np.int64), kinds, np.full(count, 5), np.full(count, 9))


def a_hub(person: int, *givers: int, to: FlowSide = EMPTY_SIDE) -> Hub:
    return Hub(person, len(givers), a_side(*givers), to)


def groups(*hubs: Hub) -> set[frozenset[int]]:
    return {frozenset(hub.person_id for hub in group) for group in join_hubs(hubs)}


def a_world_of_gifts(givers: range) -> World:
    world = World(1)
    for minute, giver in enumerate(givers):
        world.deal(OPENS_MS, giver, Card.HARMONY)
        world.give(OPENS_MS + minute * MINUTE_MS, giver, HUB, Card.HARMONY)
    return world


def test_only_cards_that_were_given_for_good_are_counted() -> None:
    world = a_world_of_gifts(range(10, 13))
    for state in (ExchangeState.DECLINED, ExchangeState.EXPIRED, None):
        giver = 20 + (state or 0)
        world.deal(OPENS_MS, giver, Card.HARMONY)
        request = world.offer(OPENS_MS, giver, HUB, Card.HARMONY)
        if state is not None:
            world.end(OPENS_MS, (giver, HUB, Card.HARMONY), request, state)

    (hub,) = find_hubs(world.given(0), 2, WIDE).hubs

    assert hub.giver_count == 3
    assert hub.givers.person_ids.tolist() == [10, 11, 12]
    assert hub.givers.cards.tolist() == [[0, 0, 1, 0, 0]] * 3
    assert hub.givers.first_given_at_ms.tolist() == [OPENS_MS + minute * MINUTE_MS for minute in range(3)]


def test_many_cards_of_few_people_make_no_hub() -> None:
    world = World(1)
    for _ in range(10):
        world.deal(OPENS_MS, 10, Card.HARMONY)
        world.give(OPENS_MS, 10, HUB, Card.HARMONY)
    world.deal(OPENS_MS, 11, Card.DEDICATION)
    world.give(OPENS_MS, 11, HUB, Card.DEDICATION)

    assert find_hubs(world.given(0), 3, WIDE).hubs == []
    found = find_hubs(world.given(0), 2, WIDE)
    assert found.hubs[0].givers.cards.sum(axis=1).tolist() == [10, 1]
    assert found.received_cards == (0, 0, 10, 0, 1)


def test_what_a_hub_gave_on_is_told_with_it() -> None:
    world = a_world_of_gifts(range(10, 14))
    for friend in (30, 31, 31):
        world.give(OPENS_MS + MINUTE_MS, HUB, friend, Card.HARMONY)

    (hub,) = find_hubs(world.given(0), 4, WIDE).hubs

    assert hub.receivers.person_ids.tolist() == [30, 31]
    assert hub.receivers.cards.sum(axis=1).tolist() == [1, 2]
    (narrow,) = find_hubs(world.given(0), 4, HubBounds(1, 3, 1)).hubs
    assert (narrow.giver_count, len(narrow.givers)) == (4, 3)
    assert narrow.receivers.person_ids.tolist() == [31], "those who received most"


def test_a_shard_tells_of_those_hubs_that_have_most_givers() -> None:
    world = a_world_of_gifts(range(10, 14))
    for hub, givers in ((2, range(20, 26)), (3, range(30, 33)), (4, range(40, 44))):
        for giver in givers:
            world.deal(OPENS_MS, giver, Card.HARMONY)
            world.give(OPENS_MS, giver, hub, Card.HARMONY)

    found = find_hubs(world.given(0), 2, HubBounds(2, 100, 100))

    assert [(hub.person_id, hub.giver_count) for hub in found.hubs] == [(1, 4), (2, 6)]
    assert (found.left_out, found.received_cards) == (2, (0, 0, 17, 0, 0))


def test_exchanges_are_copied_part_by_part() -> None:
    world = a_world_of_gifts(range(10, 20))
    table = world.games[0].exchanges.table

    assert len(copy_given(table, 0)) == 10
    assert copy_given(table, 4).giver_ids.tolist() == list(range(14, 20))
    assert len(copy_given(table, ROWS_PER_COPY)) == 0


def test_a_shard_tells_its_hubs_page_by_page() -> None:
    hubs = [a_hub(person, *range(100, 100 + width)) for person, width in ((1, 2), (4, 3), (6, 2), (9, 2))]
    found = ShardHubs(hubs, (0,) * 5)

    assert [hub.person_id for hub in found.page(0, 2, 100)] == [1, 4]
    assert [hub.person_id for hub in found.page(4, 2, 100)] == [6, 9]
    assert [hub.person_id for hub in found.page(5, 2, 100)] == [6, 9], "who is no hub any more may be named"
    assert [hub.person_id for hub in found.page(0, 4, 5)] == [1, 4], "as many people as fit"
    assert [hub.person_id for hub in found.page(0, 4, 1)] == [1], "one at least"
    assert list(found.page(9, 4, 100)) == []


def test_hubs_are_joined_by_enough_givers_in_common() -> None:
    shared = range(100, 100 + SHARED_GIVERS_MIN)

    assert groups(a_hub(1, *shared, 201), a_hub(2, *shared, 202)) == {frozenset({1, 2})}
    assert groups(a_hub(1, *shared[1:], 201), a_hub(2, *shared[1:], 202)) == {frozenset({1}), frozenset({2})}


def test_a_few_givers_in_common_do_not_join_hubs_with_very_many() -> None:
    shared = range(100, 100 + SHARED_GIVERS_MIN)
    one, other = a_hub(1, *shared, *range(200, 230)), a_hub(2, *shared, *range(300, 330))

    assert groups(one, other) == {frozenset({1}), frozenset({2})}


def test_hubs_are_joined_over_others() -> None:
    chain = [a_hub(person, *range(100 * person, 100 * person + 206)) for person in range(1, 5)]

    assert groups(*chain, a_hub(9, 7_000, 7_001)) == {frozenset({1, 2, 3, 4}), frozenset({9})}


def test_who_gives_to_very_many_joins_few_of_them() -> None:
    hubs = [a_hub(person, *range(1_000, 1_003)) for person in range(1, 2 * GIVER_HUBS_MAX)]

    assert len(join_hubs(hubs)) == len(hubs) - GIVER_HUBS_MAX + 1


@pytest.mark.parametrize(
    ("cards", "is_joined"), [(FORWARDED_CARDS_MIN, True), (FORWARDED_CARDS_MIN - 1, False)]
)
def test_hubs_are_joined_by_whom_they_give_much_to(cards: int, is_joined: bool) -> None:  # noqa: FBT001 - a row
    buyer = a_side(77, cards=cards)
    one, other = a_hub(1, *range(100, 110), to=buyer), a_hub(2, *range(200, 210), to=buyer)

    assert (groups(one, other) == {frozenset({1, 2})}) is is_joined


def test_a_hub_is_joined_to_a_hub_it_gives_much_to() -> None:
    one, other = a_hub(1, *range(100, 110), to=a_side(2, cards=9)), a_hub(2, *range(200, 210))

    assert groups(one, other) == {frozenset({1, 2})}


def test_no_hubs_make_no_groups() -> None:
    assert list(join_hubs([])) == []


def test_the_strongest_hubs_are_kept_however_they_come() -> None:
    hubs = [a_hub(person, *range(1_000, 1_002 + person)) for person in range(1, 31)]
    gathering = HubGathering(hubs_max=3, people_max=1_000)
    for hub in hubs:
        gathering.add([hub])
    gathering.add_shard((1, 2, 3, 4, 5), 0)
    gathering.add_shard((1, 0, 0, 0, 0), 4)

    gathered = gathering.gathered()

    assert [hub.person_id for hub in gathered.hubs] == [28, 29, 30]
    assert (gathered.hubs_left_out, gathered.given_cards) == (31, (2, 2, 3, 4, 5))


def test_sides_are_added_up_person_by_person() -> None:
    together = sides_together([a_side(1, 2), a_side(2, 3, cards=4), EMPTY_SIDE])

    assert together.person_ids.tolist() == [1, 2, 3]
    assert together.cards[:, 0].tolist() == [1, 5, 4]
    assert len(sides_together([])) == len(sides_together([EMPTY_SIDE])) == 0


def test_single_cards_are_added_up_pair_by_pair() -> None:
    rows = [(7, 1, 5, 30), (7, 2, 1, 10), (3, 1, 1, 20), (7, 1, 5, 10), (7, 1, 2, 40)]
    columns = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    flows = flows_between(columns[0], columns[1], columns[2].astype(np.uint8), columns[3])

    side = flows.side_of(7)
    assert side.person_ids.tolist() == [1, 2]
    assert side.cards.tolist() == [[0, 1, 0, 0, 2], [1, 0, 0, 0, 0]]
    assert side.first_given_at_ms.tolist() == [10, 10]
    assert side.last_given_at_ms.tolist() == [40, 10]
    assert len(flows.side_of(5)) == 0
