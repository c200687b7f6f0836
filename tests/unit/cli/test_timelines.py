from __future__ import annotations

import dataclasses

import pytest

from services.cli.gala.timelines import (
    Conversation,
    Entry,
    Said,
    order_difference,
    receivers_of,
    timeline_difference,
)

FRIENDS = Conversation("friends", 1, 2)
GROUP = Conversation("group", 9)
SAID = [
    Said(FRIENDS, 1, 1, b"good evening", frozenset({1, 2})),
    Said(GROUP, 1, 2, b"who has the rare card?", frozenset({1, 2, 3})),
    Said(FRIENDS, 2, 2, b"good evening to you", frozenset({1, 2})),
    Said(GROUP, 2, 3, b"not me", frozenset({1, 2, 3})),
]
READ = [
    Entry(1, FRIENDS, 1, 1, b"good evening"),
    Entry(2, GROUP, 1, 2, b"who has the rare card?"),
    Entry(3, GROUP, 2, 3, b"not me"),
    Entry(4, FRIENDS, 2, 2, b"good evening to you"),
]


def test_a_timeline_with_everything_once_and_in_order_has_no_difference() -> None:
    assert receivers_of(SAID) == {1, 2, 3}
    assert timeline_difference(1, SAID, READ) == timeline_difference(2, SAID, READ) == 0
    assert order_difference(SAID) == 0


@pytest.mark.parametrize(
    "read",
    [
        READ[:-1],
        READ[1:],
        [*READ, Entry(5, FRIENDS, 2, 2, b"good evening to you")],
        [*READ, Entry(5, FRIENDS, 3, 2, b"which nobody has said")],
        [*READ[:3], Entry(5, FRIENDS, 2, 2, b"good evening to you")],
        [*READ[:3], Entry(4, FRIENDS, 2, 1, b"good evening to you")],
        [*READ[:3], Entry(4, FRIENDS, 2, 2, b"something else")],
        [
            READ[0],
            dataclasses.replace(READ[2], inbox_seq=2),
            dataclasses.replace(READ[1], inbox_seq=3),
            READ[3],
        ],
    ],
    ids=["lost at the end", "lost", "twice", "unsaid", "a gap", "another sender", "other words", "disorder"],
)
def test_whatever_is_not_as_it_was_said_is_a_difference(read: list[Entry]) -> None:
    assert timeline_difference(1, SAID, read) > 0


def test_what_was_not_for_somebody_is_a_difference_in_their_timeline() -> None:
    assert timeline_difference(3, SAID, [READ[1], READ[2]]) > 0  # they stand at other places there
    own = [dataclasses.replace(entry, inbox_seq=number) for number, entry in enumerate(READ[1:3], start=1)]
    assert timeline_difference(3, SAID, own) == 0
    assert timeline_difference(3, SAID, [*own, Entry(3, FRIENDS, 1, 1, b"good evening")]) > 0


def test_a_number_that_is_not_above_the_last_one_is_a_difference() -> None:
    assert order_difference([SAID[0], SAID[0]]) == 1
    assert order_difference([dataclasses.replace(SAID[0], seq=3), SAID[0]]) == 1
