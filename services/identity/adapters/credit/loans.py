"""Loans in SQL."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.credit.consents import held_consents
from services.identity.adapters.credit.facts import resolved
from services.identity.adapters.credit.partners import partner_of
from services.identity.adapters.credit.tables import loans, partners, repayments
from services.identity.domain.credit.errors import (
    ConsentMissing,
    LoanConflict,
    LoanLimitReached,
    LoanUnknown,
    RepaymentConflict,
)
from services.identity.domain.credit.loans import Loan, LoanState, Repayment
from services.identity.domain.credit.partners import Exposure, Partner, PartnerId, Scope, outcome_of, refuse
from services.identity.domain.credit.ports import LoanChange
from services.identity.domain.people import PersonId
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement


class SqlLoanStore:
    """`LoanStore` over a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, partner: Partner, loan: Loan, loans_max: int) -> Loan:
        """See `LoanStore.report`."""

        def unit(connection: sa.Connection) -> Loan:
            # From here on, new loans of the partner wait for each other: its limit is exact. It may have been
            # suspended since it proved itself.
            known = _LOCK_PARTNER.first(connection, {"partner": partner.partner_id})
            assert known is not None, "partners are never removed"  # noqa: S101 - an invariant
            person_id = _borrower(connection, loan)
            row = _LOCK.first(connection, _key(loan.partner_id, loan.loan_number))
            if row is not None:
                return _repeated(_loan(row), loan, person_id)
            now_ms = loan.reported_ms
            consents = held_consents(connection, partner.partner_id, person_id, now_ms)
            outcome = outcome_of(partner_of(known), Scope.EXPOSURE, consents, now_ms)
            refuse(outcome, partner.partner_id, loan.person_id, Scope.EXPOSURE)
            if exposure(connection, person_id, partner.partner_id).own_open_loans >= loans_max:
                raise LoanLimitReached(limit=loans_max)
            _INSERT.run(connection, _values(loan) | {"person_id": person_id})
            return loan

        return await self._database.write(unit)

    async def repay(
        self, partner_id: PartnerId, loan_number: str, repayment: Repayment, change: LoanChange, now_ms: int
    ) -> Loan:
        """See `LoanStore.repay`."""
        place = {"partner_id": partner_id, "loan_number": loan_number}
        values = {
            "repayment_number": repayment.repayment_number,
            "amount_fen": repayment.amount_fen,
            "repaid_ms": now_ms,
        }

        def unit(connection: sa.Connection) -> Loan:
            # Locked first: two repayments at once wait for each other here.
            before = _locked(connection, partner_id, loan_number)
            wanted = _key(partner_id, loan_number) | {"repayment": repayment.repayment_number}
            known = _REPAYMENT.first(connection, wanted)
            if known is None:
                after = change(before)
                _INSERT_REPAYMENT.run(connection, place | values)
                _update(connection, after)
                return after
            if known.amount_fen != repayment.amount_fen:
                raise RepaymentConflict(loan_number=loan_number, repayment_number=repayment.repayment_number)
            return before

        return await self._database.write(unit)

    async def change(self, partner_id: PartnerId, loan_number: str, change: LoanChange) -> Loan:
        """See `LoanStore.change`."""

        def unit(connection: sa.Connection) -> Loan:
            before = _locked(connection, partner_id, loan_number)
            after = change(before)
            if after != before:
                _update(connection, after)
            return after

        return await self._database.write(unit)


def exposure(connection: sa.Connection, person_id: PersonId, partner_id: PartnerId) -> Exposure:
    """What a person owes, over all lenders and to this one."""
    row = _EXPOSURE.first(connection, {"person": person_id, "partner": partner_id})
    assert row is not None, "a sum has a row"  # noqa: S101 - an invariant
    return Exposure(int(row.loans), int(row.owed_fen), int(row.own_loans), int(row.own_owed_fen))


def _borrower(connection: sa.Connection, loan: Loan) -> PersonId:
    found = resolved(connection, loan.person_id)
    if found is None:
        # As if there were no consent: a partner learns nothing of who exists.
        raise ConsentMissing(person_id=loan.person_id, scope=Scope.EXPOSURE.name)
    return found[0]


def _repeated(kept: Loan, told: Loan, person_id: PersonId) -> Loan:
    same = Loan(
        told.partner_id,
        told.loan_number,
        person_id,
        told.principal_fen,
        told.principal_fen,
        told.due_ms,
        told.reported_ms,
    )
    if not kept.is_same_as(same):
        raise LoanConflict(loan_number=told.loan_number)
    return kept


def _locked(connection: sa.Connection, partner_id: PartnerId, loan_number: str) -> Loan:
    row = _LOCK.first(connection, _key(partner_id, loan_number))
    if row is None:
        raise LoanUnknown(loan_number=loan_number)
    return _loan(row)


def _update(connection: sa.Connection, loan: Loan) -> None:
    changed = {"owed_fen": loan.owed_fen, "state": int(loan.state), "closed_ms": loan.closed_ms}
    _UPDATE.run(connection, _key(loan.partner_id, loan.loan_number) | changed)


def _key(partner_id: PartnerId, loan_number: str) -> dict[str, object]:
    return {"partner": partner_id, "number": loan_number}


def _values(loan: Loan) -> dict[str, object]:
    return {
        "partner_id": loan.partner_id,
        "loan_number": loan.loan_number,
        "principal_fen": loan.principal_fen,
        "owed_fen": loan.owed_fen,
        "due_ms": loan.due_ms,
        "reported_ms": loan.reported_ms,
        "state": int(loan.state),
        "closed_ms": loan.closed_ms,
    }


def _loan(row: Row) -> Loan:
    return Loan(
        PartnerId(row.partner_id),
        row.loan_number,
        PersonId(row.person_id),
        row.principal_fen,
        row.owed_fen,
        row.due_ms,
        row.reported_ms,
        LoanState(row.state),
        row.closed_ms,
    )


_this = sa.and_(loans.c.partner_id == bindparam("partner"), loans.c.loan_number == bindparam("number"))
_LOCK = Statement(sa.select(loans).where(_this).with_for_update())
_LOCK_PARTNER = Statement(
    sa.select(partners).where(partners.c.partner_id == bindparam("partner")).with_for_update()
)
_INSERT = Statement(loans.insert())
_UPDATE = Statement(loans.update().where(_this))
_REPAYMENT = Statement(
    sa.select(repayments.c.amount_fen).where(
        repayments.c.partner_id == bindparam("partner"),
        repayments.c.loan_number == bindparam("number"),
        repayments.c.repayment_number == bindparam("repayment"),
    )
)
_INSERT_REPAYMENT = Statement(repayments.insert())
_is_own = loans.c.partner_id == bindparam("partner")
_EXPOSURE = Statement(
    sa.select(
        sa.func.count().label("loans"),
        sa.func.coalesce(sa.func.sum(loans.c.owed_fen), 0).label("owed_fen"),
        sa.func.coalesce(sa.func.sum(sa.case((_is_own, 1), else_=0)), 0).label("own_loans"),
        sa.func.coalesce(sa.func.sum(sa.case((_is_own, loans.c.owed_fen), else_=0)), 0).label("own_owed_fen"),
    ).where(
        loans.c.person_id == bindparam("person"),
        loans.c.state == sa.literal_column(str(int(LoanState.OPEN))),
    )
)
