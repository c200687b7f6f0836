"""Every state of an exchange, every action: what comes of it."""

from __future__ import annotations

import itertools

import pytest

from services.cards.domain.exchanges.machine import (
    BEGINNING,
    GIVES_CARD,
    GOAL,
    WAITING,
    ExchangeAction,
    ExchangeKind,
    ExchangeState,
    after,
    is_for_giver,
    suits,
)

TABLE = """
state     |ACCEPT_GIFT DECLINE_GIFT TAKE_BACK_GIFT ANSWER_ASK DECLINE_ASK TAKE_BACK_ASK EXPIRE     BREAK
OFFERED   |ACCEPTED    DECLINED     TAKEN_BACK     -          -           -             EXPIRED    BROKEN
OPEN      |-           -            -              ANSWERED   DECLINED    TAKEN_BACK    EXPIRED    BROKEN
ACCEPTED  |ACCEPTED    ACCEPTED     ACCEPTED       -          -           -             ACCEPTED   ACCEPTED
ANSWERED  |-           -            -              ANSWERED   ANSWERED    ANSWERED      ANSWERED   ANSWERED
DECLINED  |DECLINED    DECLINED     DECLINED       DECLINED   DECLINED    DECLINED      DECLINED   DECLINED
TAKEN_BACK|TAKEN_BACK  TAKEN_BACK   TAKEN_BACK     TAKEN_BACK TAKEN_BACK  TAKEN_BACK    TAKEN_BACK TAKEN_BACK
EXPIRED   |EXPIRED     EXPIRED      EXPIRED        EXPIRED    EXPIRED     EXPIRED       EXPIRED    EXPIRED
BROKEN    |BROKEN      BROKEN       BROKEN         BROKEN     BROKEN      BROKEN        BROKEN     BROKEN
"""
_HEAD, *_LINES = (line.replace("|", " ").split() for line in TABLE.strip().splitlines())
CELLS = {
    (ExchangeState[line[0]], ExchangeAction[action]): None if end == "-" else ExchangeState[end]
    for line in _LINES
    for action, end in zip(_HEAD[1:], line[1:], strict=True)
}
_STATES_OF = {
    ExchangeKind.GIFT: set(ExchangeState) - {ExchangeState.OPEN, ExchangeState.ANSWERED},
    ExchangeKind.ASK: set(ExchangeState) - {ExchangeState.OFFERED, ExchangeState.ACCEPTED},
}


def test_the_table_has_a_cell_for_every_state_and_action() -> None:
    assert set(CELLS) == set(itertools.product(ExchangeState, ExchangeAction))


@pytest.mark.parametrize("kind", ExchangeKind)
@pytest.mark.parametrize("action", ExchangeAction)
def test_every_state_goes_where_the_table_says(kind: ExchangeKind, action: ExchangeAction) -> None:
    for state in _STATES_OF[kind]:
        if suits(action, kind):
            assert after(state, action) is CELLS[state, action]
        elif state not in {ExchangeState.DECLINED, ExchangeState.TAKEN_BACK, ExchangeState.EXPIRED}:
            # Ends that both kinds share are in the table for both.
            assert CELLS[state, action] in {None, ExchangeState.BROKEN}


@pytest.mark.parametrize("kind", ExchangeKind)
def test_an_end_is_for_good_whatever_is_done_then(kind: ExchangeKind) -> None:
    for first, *others in itertools.permutations([one for one in ExchangeAction if suits(one, kind)], 3):
        state = after(BEGINNING[kind], first)
        assert state is GOAL[first]
        for other in others:
            assert after(state, other) is state


def test_only_the_receiver_accepts_and_only_the_giver_answers() -> None:
    of_giver = {action for action in ExchangeAction if is_for_giver(action)}
    assert of_giver == {ExchangeAction.TAKE_BACK_GIFT, ExchangeAction.ANSWER_ASK, ExchangeAction.DECLINE_ASK}


def test_a_card_changes_hands_with_two_ends_only_and_neither_waits() -> None:
    assert {ExchangeState.ACCEPTED, ExchangeState.ANSWERED} == GIVES_CARD
    assert not GIVES_CARD & WAITING
