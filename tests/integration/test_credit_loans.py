"""Loans, whatever lenders report and whichever commits are lost: nobody owes more or less than was told."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.domain.credit.errors import (
    LoanConflict,
    LoanLimitReached,
    PartnerSuspended,
    RepaymentConflict,
)
from services.identity.domain.credit.loans import LoanState, Repayment
from services.identity.domain.credit.partners import Exposure, Partner, Scope
from services.identity.domain.errors import IdentityError
from services.identity.domain.people import PersonId
from services.mesh.clock import ManualClock
from tests.integration.credit_office import LOANS_MAX, NUMBERS, Office, office
from tests.integration.people_databases import Abort, database_url

__all__ = ["database_url"]

DUE_MS = 1_500_000_000_000
SETTING_UP = 12
"""Commits before the first loan."""


@dataclass(slots=True)
class Told:
    """What a lender has told of a loan."""

    person: int
    principal_fen: int
    repayments: dict[str, int] = field(default_factory=dict)
    end: LoanState | None = None

    @property
    def owed_fen(self) -> int:
        return self.principal_fen - sum(self.repayments.values())

    @property
    def is_open(self) -> bool:
        return self.end is None and self.owed_fen > 0


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a lender tells."""

    what: str
    lender: int
    loan: int
    number: int
    fen: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["report", "report", "repay", "repay", "close"]),
        lender=st.integers(0, 1),
        loan=st.integers(0, 4),
        number=st.integers(0, 2),
        fen=st.integers(1, 3),
    ),
    min_size=15,
    max_size=30,
)
COMMITS = st.sets(st.integers(SETTING_UP, SETTING_UP + 30), max_size=4)


class Model:
    """The same rules in a few lines, over what was told."""

    def __init__(self) -> None:
        self.loans: dict[tuple[int, int], Told] = {}

    def owed(self, person: int, own: int) -> Exposure:
        found = [(key, loan) for key, loan in self.loans.items() if loan.person == person and loan.is_open]
        mine = [loan for (lender, _), loan in found if lender == own]
        return Exposure(
            len(found),
            sum(loan.owed_fen for _, loan in found),
            len(mine),
            sum(loan.owed_fen for loan in mine),
        )

    def take(self, step: Step) -> bool:
        """Whether the step is taken; False where it must be refused."""
        key = (step.lender, step.loan)
        loan = self.loans.get(key)
        if step.what == "report":
            return self._report(key, loan, step)
        if loan is None:
            return False
        if step.what == "close":
            loan.end = LoanState.WRITTEN_OFF if loan.is_open else loan.end
            return loan.end is LoanState.WRITTEN_OFF
        number = str(step.number)
        if number in loan.repayments:
            return loan.repayments[number] == step.fen
        if not loan.is_open or step.fen > loan.owed_fen:
            return False
        loan.repayments[number] = step.fen
        return True

    def _report(self, key: tuple[int, int], loan: Told | None, step: Step) -> bool:
        person = step.loan % 2
        if loan is not None:
            return loan.principal_fen == 2 * step.fen
        if self.owed(person, step.lender).own_open_loans >= LOANS_MAX:
            return False
        self.loans[key] = Told(person, 2 * step.fen)
        return True


async def take(at: Office, people: list[PersonId], lender: Partner, step: Step) -> bool:
    number = str(step.loan)
    try:
        if step.what == "report":
            await at.asking.report(lender, number, people[step.loan % 2], 2 * step.fen, DUE_MS)
        elif step.what == "repay":
            await at.asking.repay(lender, number, Repayment(str(step.number), step.fen))
        else:
            await at.asking.close(lender, number, LoanState.WRITTEN_OFF)
    except IdentityError:
        return False
    return True


async def consenting(at: Office, people: list[PersonId], lenders: list[Partner]) -> None:
    for person_id in people:
        for lender in lenders:
            ends_ms = at.clock.now_ms() + 1_000_000
            await at.consenting.grant(
                person_id, str(uuid.uuid4()), lender.partner_id, frozenset(Scope), ends_ms
            )


async def play(url: str, steps: list[Step], before: set[int], after: set[int]) -> Model:
    async with office(url) as at:
        Abort(at.database._engine, before, after)
        people = [await at.somebody(number) for number in NUMBERS]
        lenders = [await at.partner(name) for name in ("one", "other")]
        await consenting(at, people, lenders)
        model = Model()
        for step in steps:
            assert await take(at, people, lenders[step.lender], step) is model.take(step), step
        for person, person_id in enumerate(people):
            for own, lender in enumerate(lenders):
                query = await at.asking.query(lender, str(uuid.uuid4()), person_id, Scope.EXPOSURE)
                assert query.exposure == model.owed(person, own)
            looked = await at.scores.look(person_id, at.clock.now_ms())
            assert looked is not None
            facts = looked[0].facts
            mine = [loan for loan in model.loans.values() if loan.person == person]
            assert facts.owed_fen == sum(loan.owed_fen for loan in mine if loan.is_open)
            assert facts.loans_repaid == sum(loan.owed_fen == 0 for loan in mine)
            assert facts.loans_written_off == sum(loan.end is LoanState.WRITTEN_OFF for loan in mine)
        return model


@settings(max_examples=8, deadline=None)
@given(STEPS, COMMITS, COMMITS)
async def test_what_is_owed_is_what_was_told_whatever_is_lost(
    steps: list[Step], before: set[int], after: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await play(f"sqlite:{folder}", steps, before, after)


async def test_the_same_holds_on_every_database(database_url: str) -> None:
    everything = [
        Step(what, lender, loan, number, fen)
        for number, fen in ((0, 2), (1, 1), (1, 1), (2, 2))
        for what in ("report", "repay")
        for lender in (0, 1)
        for loan in (0, 2, 3)
    ]
    ends = [Step("repay", 1, 2, 2, 1), Step("close", 0, 3, 0, 1), Step("repay", 0, 3, 2, 1)]
    model = await play(database_url, everything + ends, {13, 20}, {15, 30})
    assert {loan.owed_fen for loan in model.loans.values()} == {0, 1}
    assert LoanState.WRITTEN_OFF in {loan.end for loan in model.loans.values()}


async def test_repayments_from_everywhere_at_once_count_once(database_url: str) -> None:
    clock = ManualClock()
    async with office(database_url, clock) as at, office(database_url, clock) as other:
        person_id = await at.somebody()
        lender = await at.partner("lender")
        await consenting(at, [person_id], [lender])
        await asyncio.gather(
            *(one.asking.report(lender, "1", person_id, 100, DUE_MS) for one in (at, other) * 2)
        )
        parts = [Repayment(str(number % 3), 20) for number in range(12)]
        found = await asyncio.gather(
            *((at, other)[turn % 2].asking.repay(lender, "1", part) for turn, part in enumerate(parts))
        )
        assert min(loan.owed_fen for loan in found) == 40
        assert (await at.asking.close(lender, "1", LoanState.LET_OFF)).owed_fen == 40


async def test_a_number_stands_for_one_loan_and_one_repayment(tmp_path: Path) -> None:
    async with office(f"sqlite:{tmp_path}") as at:
        person_id = await at.somebody()
        lender = await at.partner("lender")
        await consenting(at, [person_id], [lender])
        for number in range(LOANS_MAX):
            await at.asking.report(lender, str(number), person_id, 100, DUE_MS)
        with pytest.raises(LoanLimitReached):
            await at.asking.report(lender, "more", person_id, 100, DUE_MS)
        with pytest.raises(LoanConflict):
            await at.asking.report(lender, "0", person_id, 101, DUE_MS)
        await at.asking.repay(lender, "0", Repayment("1", 100))
        with pytest.raises(RepaymentConflict):
            await at.asking.repay(lender, "0", Repayment("1", 99))
        assert (await at.asking.report(lender, "0", person_id, 100, DUE_MS)).state is LoanState.REPAID


async def test_who_was_suspended_since_it_proved_itself_reports_no_loan(tmp_path: Path) -> None:
    async with office(f"sqlite:{tmp_path}") as at:
        person_id, lender = await at.somebody(), await at.partner("lender")
        await consenting(at, [person_id], [lender])
        await at.registering.suspend(lender.partner_id, suspended=True)
        with pytest.raises(PartnerSuspended):
            await at.asking.report(lender, "1", person_id, 100, DUE_MS)
