"""Where in its shard's decks a card was drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cards.domain.proof.drawn import DrawnDecks, DrawnRun
from services.cards.domain.supply.decks import DeckRecord, Decks
from services.cards.domain.supply.draw import deck_cards

KEY = bytes(range(32))
COUNTS = (2, 1, 1, 1, 0)

RECORDS = (
    DeckRecord(1, COUNTS, first_draw_index=0, dealt=5),
    # Of the second one a part was dealt before it went back, the third one went back whole.
    DeckRecord(2, COUNTS, first_draw_index=5, dealt=2),
    DeckRecord(3, COUNTS, first_draw_index=7, dealt=0),
    DeckRecord(6, COUNTS, first_draw_index=7, dealt=3),
)


@pytest.mark.parametrize(
    ("first_draw_index", "count", "runs"),
    [
        (0, 5, [(1, 0, 5)]),
        (3, 1, [(1, 3, 1)]),
        (4, 2, [(1, 4, 1), (2, 0, 1)]),
        (3, 7, [(1, 3, 2), (2, 0, 2), (6, 0, 3)]),
        (7, 3, [(6, 0, 3)]),
    ],
)
def test_a_batch_of_cards_is_cut_where_a_deck_ends(
    first_draw_index: int, count: int, runs: list[tuple[int, int, int]]
) -> None:
    cards = bytes(range(1, count + 1))
    found = list(DrawnDecks(RECORDS).runs(first_draw_index, cards))
    assert [(run.deck_number, run.first_place, len(run.cards)) for run in found] == runs
    assert b"".join(run.cards for run in found) == cards


@pytest.mark.parametrize("first_draw_index", [10, 9])
def test_a_card_that_no_deck_had_is_no_drawn_one(first_draw_index: int) -> None:
    with pytest.raises(AssertionError, match="every card was dealt from a deck"):
        list(DrawnDecks(RECORDS).runs(first_draw_index, b"\x01\x02"))


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.booleans()),
        min_size=1,
        max_size=20,
    )
)
def test_every_card_is_found_again_where_its_deck_has_it(steps: list[tuple[int, bool]]) -> None:
    decks, dealt = Decks(KEY), list[int]()
    for number, (count, goes_back) in enumerate(steps, start=1):
        decks.deck_happened(number, COUNTS)
        cards = decks.next_cards(count).tolist()
        decks.deal_happened(cards)
        dealt += cards
        if goes_back and decks.left_count:
            decks.return_happened()
    runs: list[DrawnRun] = list(DrawnDecks(decks.records()).runs(0, bytes(dealt)))
    for run in runs:
        order = deck_cards(KEY, run.deck_number, COUNTS)
        assert run.cards == bytes(order[run.first_place : run.first_place + len(run.cards)])
    assert b"".join(run.cards for run in runs) == bytes(dealt)
    for draw, card in enumerate(dealt):
        deck, place = decks.deck_of(draw)
        assert deck_cards(KEY, deck.number, deck.counts)[place] == card
