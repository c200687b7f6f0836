"""What identity's own tables say of a person."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.channels import confirmed_by
from services.identity.adapters.credit.tables import conducts, loans
from services.identity.adapters.tables import accounts, cases, people, provisional_people
from services.identity.domain.credit.loans import LoanState
from services.identity.domain.credit.signals import DAY_MS, Known, OwnFacts
from services.identity.domain.evidence import REGISTRY_CHANNELS
from services.identity.domain.people import PersonId
from services.mesh.database.statement import Statement

CONDUCT_COUNTS_MS = 365 * DAY_MS
"""For how long what was judged against somebody counts."""


def resolved(connection: sa.Connection, person_id: PersonId) -> tuple[PersonId, bool] | None:
    """The person behind a number, and whether verified: a guest who was merged is the person merged into.

    None for a number that nobody has.
    """
    if _VERIFIED.first(connection, {"person": person_id}) is not None:
        return person_id, True
    guest = _GUEST.first(connection, {"person": person_id})
    if guest is None:
        return None
    return (person_id, False) if guest.tied_id is None else (PersonId(guest.tied_id), True)


def known(connection: sa.Connection, person_id: PersonId, now_ms: int) -> Known | None:
    """The person and the facts; None for somebody whom nobody knows."""
    found = resolved(connection, person_id)
    if found is None:
        return None
    real_id, is_verified = found
    own = {"person": real_id}
    accounts_of = _ACCOUNTS if is_verified else _GUEST_ACCOUNT
    held = accounts_of.first(connection, own)
    owed = _LOANS.first(connection, own | {"now_ms": now_ms})
    judged = _CONDUCTS.first(connection, own | {"since_ms": now_ms - CONDUCT_COUNTS_MS})
    if held is None:
        return None  # Every account has been erased.
    assert owed is not None, "a sum has a row"  # noqa: S101 - an invariant
    assert judged is not None, "a count has a row"  # noqa: S101 - as above
    banks, has_document = confirmed_by(connection, real_id)
    facts = OwnFacts(
        channels=REGISTRY_CHANNELS + len(banks) + has_document if is_verified else 0,
        known_since_ms=int(held.since_ms),
        open_cases=int(held.open_cases),
        loans_repaid=int(owed.repaid),
        loans_late=int(owed.late),
        loans_written_off=int(owed.written_off),
        owed_fen=int(owed.owed_fen),
        conducts=int(judged.conducts),
    )
    return Known(real_id, is_verified, facts)


def guests_of(person: sa.BindParameter[int]) -> sa.ScalarSelect[int]:
    """The numbers that a person had as a guest: what they did then is theirs."""
    return (
        sa.select(provisional_people.c.person_id)
        .join_from(provisional_people, accounts)
        .where(accounts.c.person_id == person)
        .scalar_subquery()
    )


def _count(state: LoanState, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    is_counted = sa.and_(loans.c.state == sa.literal_column(str(int(state))), *conditions)
    return sa.func.coalesce(sa.func.sum(sa.case((is_counted, 1), else_=0)), 0)


def _held(condition: sa.ColumnElement[bool]) -> Statement:
    open_cases = (
        sa.select(sa.func.count())
        .select_from(cases.join(accounts))
        .where(condition, cases.c.resolved_ms.is_(None))
        .scalar_subquery()
    )
    return Statement(
        sa.select(sa.func.min(accounts.c.registered_ms).label("since_ms"), open_cases.label("open_cases"))
        .select_from(accounts)
        .where(condition)
        .having(sa.func.sum(sa.case((_is_there, 1), else_=0)) > 0)
    )


# What is left of an erased account is its number.
_is_there = accounts.c.phone_sealed != sa.literal(b"", sa.LargeBinary)
_VERIFIED = Statement(sa.select(people.c.person_id).where(people.c.person_id == bindparam("person")))
_GUEST = Statement(
    sa.select(provisional_people.c.person_id, accounts.c.person_id.label("tied_id"))
    .join_from(provisional_people, accounts)
    .where(provisional_people.c.person_id == bindparam("person"))
)
_ACCOUNTS = _held(accounts.c.person_id == bindparam("person"))
_GUEST_ACCOUNT = _held(
    accounts.c.account_id
    == sa.select(provisional_people.c.account_id)
    .where(provisional_people.c.person_id == bindparam("person"))
    .scalar_subquery()
)
_is_open = loans.c.state == sa.literal_column(str(int(LoanState.OPEN)))
_LOANS = Statement(
    sa.select(
        _count(LoanState.REPAID).label("repaid"),
        _count(LoanState.OPEN, loans.c.due_ms <= bindparam("now_ms")).label("late"),
        _count(LoanState.WRITTEN_OFF).label("written_off"),
        sa.func.coalesce(sa.func.sum(sa.case((_is_open, loans.c.owed_fen), else_=0)), 0).label("owed_fen"),
    ).where(loans.c.person_id == bindparam("person"))
)
_CONDUCTS = Statement(
    sa.select(sa.func.count().label("conducts")).where(
        sa.or_(
            conducts.c.person_id == bindparam("person"),
            conducts.c.person_id.in_(guests_of(bindparam("person"))),
        ),
        conducts.c.judged_ms > bindparam("since_ms"),
    )
)
