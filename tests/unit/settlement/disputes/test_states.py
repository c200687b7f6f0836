"""Every state of a dispute by everything that can be done to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.mesh.errors import ServiceError
from services.settlement.domain.disputes.dispute import ALLOWED, DisputeState, Step
from tests.unit.settlement.disputes.desk import PERSON, Desk

NOTHING = "nothing"
"""Nothing was done, and nobody is told no."""
ACTIONS: dict[str, Callable[[Desk, str], object]] = {
    "evidence": lambda desk, key: desk.add_evidence(key, 901),
    "evidence by operator": lambda desk, key: desk.add_evidence(key, 902, operator="wang"),
    "decide little": lambda desk, key: desk.decide(key, 200, 903),
    "decide much": lambda desk, key: desk.decide(key, 201, 904),
    "reject": lambda desk, key: desk.decide(key, 0, 905),
    "approve": lambda desk, key: desk.confirm(key, 906),
    "approve own": lambda desk, key: desk.confirm(key, 907, operator="wang"),
    "decline": lambda desk, key: desk.confirm(key, 908, declines=True),
    "withdraw": lambda desk, key: desk.withdraw(key),
    "withdraw another's": lambda desk, key: desk.withdraw(key, PERSON + 1),
    "pay": lambda desk, _: desk.pay(),
}
TABLE = """
                     | OPEN                 AWAITING_APPROVAL    APPROVED             PAID                 REJECTED             WITHDRAWN
evidence             | OPEN                 AWAITING_APPROVAL    DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE
evidence by operator | OPEN                 AWAITING_APPROVAL    DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE
decide little        | PAID                 DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE
decide much          | AWAITING_APPROVAL    DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE
reject               | REJECTED             DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE
approve              | DISPUTE_NOT_IN_STATE PAID                 DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE
approve own          | DISPUTE_NOT_IN_STATE OPERATOR_SAME        DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE
decline              | DISPUTE_NOT_IN_STATE OPEN                 DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE
withdraw             | WITHDRAWN            WITHDRAWN            DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE DISPUTE_NOT_IN_STATE nothing
withdraw another's   | DISPUTE_UNKNOWN      DISPUTE_UNKNOWN      DISPUTE_UNKNOWN      DISPUTE_UNKNOWN      DISPUTE_UNKNOWN      DISPUTE_UNKNOWN
pay                  | nothing              nothing              PAID                 nothing              nothing              nothing
"""  # noqa: E501 - a table is read across


def rows() -> list[tuple[str, DisputeState, str]]:
    """(action, state before, what comes of it)."""
    header, *lines = TABLE.strip("\n").splitlines()
    states = [DisputeState[name] for name in header.partition("|")[2].split()]
    cells = [(line.partition("|")[0].strip(), line.partition("|")[2].split()) for line in lines]
    return [
        (action, state, outcome)
        for action, outcomes in cells
        for state, outcome in zip(states, outcomes, strict=True)
    ]


def test_the_table_has_every_state_and_every_action() -> None:
    assert {state for _, state, _ in rows()} == set(DisputeState)
    assert {action for action, _, _ in rows()} == set(ACTIONS)
    assert len(rows()) == len(DisputeState) * len(ACTIONS)


def test_every_step_that_is_allowed_anywhere_is_in_the_rules() -> None:
    assert {step for _, step in ALLOWED} == set(Step)
    assert {state for state, _ in ALLOWED} == {state for state in DisputeState if not state.ended}


@pytest.mark.parametrize(("action", "before", "outcome"), rows())
def test_what_can_be_done_depends_on_the_state(action: str, before: DisputeState, outcome: str) -> None:
    desk = Desk()
    dispute_id = brought_to(desk, before)
    assert desk.is_in(dispute_id) is before
    desk.fund(10_000)
    records = len(desk.journal)
    if outcome in DisputeState.__members__ or outcome == NOTHING:
        done = ACTIONS[action](desk, dispute_id)
    else:
        with pytest.raises(ServiceError, match=f"^{outcome}:"):
            ACTIONS[action](desk, dispute_id)
        assert desk.is_in(dispute_id) is before
        assert len(desk.journal) == records, "a refusal leaves nothing"
        return
    assert bool(done) is (outcome != NOTHING)
    assert desk.is_in(dispute_id) is (before if outcome == NOTHING else DisputeState[outcome])
    assert len(desk.journal) == records + bool(done)


def brought_to(desk: Desk, state: DisputeState) -> str:
    """A dispute of an entry of 350 fen in this state; there is no money in the fund but what it needed."""
    dispute_id = desk.opened(desk.credited(350))
    match state:
        case DisputeState.AWAITING_APPROVAL:
            desk.decide(dispute_id, 300)
        case DisputeState.APPROVED:
            desk.decide(dispute_id, 100)
        case DisputeState.PAID:
            desk.fund(100)
            desk.decide(dispute_id, 100)
        case DisputeState.REJECTED:
            desk.decide(dispute_id, 0)
        case DisputeState.WITHDRAWN:
            desk.withdraw(dispute_id)
    return dispute_id
