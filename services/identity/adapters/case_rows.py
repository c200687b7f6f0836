"""How cases are kept, for everybody who opens or resolves one in a transaction of their own."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.case_tables import case_desk
from services.identity.adapters.tables import cases
from services.identity.adapters.vault import Vault, case_record
from services.identity.domain.cases.case import Answer, Case, CaseState, Outcome
from services.identity.domain.people import AccountId, CaseNumber, FailedCheck
from services.mesh.database.statement import Row, Statement

WORDS = "words"
"""Field of a case's record for the words of its answer."""


def open_within(
    connection: sa.Connection, vault: Vault, failed: FailedCheck, case_number: CaseNumber, now_ms: int
) -> tuple[Case, bool]:
    """The case of a failed check, and whether it is new; a repeat counts on the open one of the same check."""
    fingerprint = vault.fingerprint("check", failed.reason, failed.step, *failed.typed)
    kept = _SAME.first(connection, {"account": failed.account_id, "fingerprint": fingerprint})
    if kept is not None:
        _FAILED_AGAIN.run(connection, {"number": kept.case_number, "now_ms": now_ms})
        return case_of(connection, vault, kept), False
    values = {
        "case_number": case_number,
        "account_id": failed.account_id,
        "reason": failed.reason,
        "step": failed.step,
        "check_fingerprint": fingerprint,
        "counts": failed.counts,
        "failures": 1,
        "opened_ms": now_ms,
        "failed_ms": now_ms,
        "resolved_ms": None,
    }
    _INSERT.run(connection, values)
    _INSERT_DESK.run(connection, desk_values(case_number, now_ms))
    return Case(case_number, failed.account_id, failed.reason, failed.step, now_ms), True


def resolve_within(
    connection: sa.Connection, account_id: AccountId, now_ms: int, *, about_cards: bool
) -> None:
    """Ends the account's cases about bank cards, or all others, because a later check passed."""
    given = {"account": account_id, "now_ms": now_ms, "about_cards": about_cards}
    _RESOLVE_DESK.run(connection, {**given, "state": int(CaseState.RESOLVED), "outcome": int(Outcome.PASSED)})
    _RESOLVE.run(connection, given)


def case_of(connection: sa.Connection, vault: Vault, row: Row) -> Case:
    """A row of `SELECTED` as a case."""
    number = CaseNumber(row.case_number)
    state = CaseState(row.state)
    answer = None
    if state.ended:
        words = vault.unseal(connection, case_record(number), WORDS, row.words_sealed or b"")
        answer = Answer(Outcome(row.outcome), words, row.ended_ms)
    return Case(
        case_number=number,
        account_id=AccountId(row.account_id),
        reason=row.reason,
        step=row.step,
        opened_ms=row.opened_ms,
        failure_count=row.failures,
        state=state,
        operator=row.operator,
        note_count=row.note_count,
        answer=answer,
    )


def find(
    connection: sa.Connection, vault: Vault, case_number: CaseNumber, account_id: AccountId
) -> Case | None:
    """The account's case, or None."""
    row = _OF_ACCOUNT.first(connection, {"account": account_id, "number": case_number})
    return None if row is None else case_of(connection, vault, row)


def desk_values(case_number: CaseNumber, opened_ms: int) -> dict[str, object]:
    """What is kept of a new case."""
    return {
        "case_number": case_number,
        "opened_ms": opened_ms,
        "state": int(CaseState.OPEN),
        "operator": "",
        "note_count": 0,
        "outcome": None,
        "words_sealed": None,
        "ended_ms": None,
    }


_was_resolved = cases.c.resolved_ms.is_not(None)
# Cases that ended before there was a desk have no row there: they had been resolved.
SELECTED = sa.select(
    cases.c.case_number,
    cases.c.account_id,
    cases.c.reason,
    cases.c.step,
    cases.c.opened_ms,
    cases.c.failures,
    sa.func.coalesce(
        case_desk.c.state, sa.case((_was_resolved, int(CaseState.RESOLVED)), else_=int(CaseState.OPEN))
    ).label("state"),
    sa.func.coalesce(case_desk.c.operator, "").label("operator"),
    sa.func.coalesce(case_desk.c.note_count, 0).label("note_count"),
    sa.func.coalesce(case_desk.c.outcome, int(Outcome.PASSED)).label("outcome"),
    case_desk.c.words_sealed,
    sa.func.coalesce(case_desk.c.ended_ms, cases.c.resolved_ms).label("ended_ms"),
).select_from(cases.outerjoin(case_desk))
"""Every case with where it stands."""

_of_account = cases.c.account_id == bindparam("account")
_SAME = Statement(
    SELECTED.where(
        _of_account,
        cases.c.check_fingerprint == bindparam("fingerprint"),
        # Whatever has ended a case sets this.
        cases.c.resolved_ms.is_(None),
    )
)
_OF_ACCOUNT = Statement(SELECTED.where(_of_account, cases.c.case_number == bindparam("number")))
_INSERT = Statement(cases.insert())
_INSERT_DESK = Statement(case_desk.insert())
_FAILED_AGAIN = Statement(
    cases.update()
    .where(cases.c.case_number == bindparam("number"))
    .values(failures=cases.c.failures + 1, failed_ms=bindparam("now_ms"))
)
_resolved = (
    _of_account,
    cases.c.resolved_ms.is_(None),
    cases.c.reason.startswith("CARD_", autoescape=True) == bindparam("about_cards", type_=sa.Boolean),
)
_RESOLVE = Statement(cases.update().where(*_resolved).values(resolved_ms=bindparam("now_ms")))
_RESOLVE_DESK = Statement(
    case_desk.update()
    .where(
        case_desk.c.ended_ms.is_(None),
        case_desk.c.case_number.in_(sa.select(cases.c.case_number).where(*_resolved)),
    )
    .values(state=bindparam("state"), outcome=bindparam("outcome"), ended_ms=bindparam("now_ms"))
)
