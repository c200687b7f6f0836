"""How cases are kept, for everybody who opens or resolves one in a transaction of their own."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.case_tables import case_desk, case_notes
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
    """The case of a failed check, and whether it is new; a repeat counts on the open one of that check."""
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
    """Ends the account's cases about bank cards, or about who somebody is, because a later check passed."""
    (_CARDS if about_cards else _PEOPLE).run(connection, account_id, now_ms)


def resolve_documents_within(connection: sa.Connection, account_id: AccountId, now_ms: int) -> None:
    """Ends the account's cases about photos of the document, because the ID authority has confirmed them."""
    _DOCUMENTS.run(connection, account_id, now_ms)


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


def erase_texts_within(connection: sa.Connection, vault: Vault, account_id: AccountId, now_ms: int) -> None:
    """Removes for good what people and operators wrote to the account's cases; that they were stays.

    Those that have not ended are answered: there is nobody left whom anybody could ask.
    """
    # Held first, as whoever adds to a case does: nothing is written to one after its key is gone.
    for row in _NUMBERS.rows(connection, {"account": account_id}):
        _ERASE_NOTES.run(connection, {"of_case": row.case_number})
        _ERASE_WORDS.run(connection, {"number": row.case_number})
        vault.erase(connection, case_record(CaseNumber(row.case_number)))
        if row.resolved_ms is None:
            ended = {"number": row.case_number, "now_ms": now_ms}
            answer = {"state": int(CaseState.ANSWERED), "outcome": int(Outcome.LAPSED)}
            _ANSWER.run(connection, ended | answer)
            _END.run(connection, ended)


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
_NUMBERS = Statement(
    sa.select(cases.c.case_number, cases.c.resolved_ms)
    .where(_of_account)
    .order_by(cases.c.case_number)
    .with_for_update()
)
_ERASE_NOTES = Statement(
    case_notes.update()
    .where(case_notes.c.case_number == bindparam("of_case"))
    .values(text_sealed=b"", photo_reference="")
)
_ERASE_WORDS = Statement(
    case_desk.update().where(case_desk.c.case_number == bindparam("number")).values(words_sealed=sa.null())
)
_ANSWER = Statement(
    case_desk.update()
    .where(case_desk.c.case_number == bindparam("number"), case_desk.c.ended_ms.is_(None))
    .values(state=bindparam("state"), outcome=bindparam("outcome"), ended_ms=bindparam("now_ms"))
)
# One that is older than the desk, and not on it yet, lapses once it is.
_END = Statement(
    cases.update()
    .where(
        cases.c.case_number == bindparam("number"),
        sa.exists().where(case_desk.c.case_number == cases.c.case_number, case_desk.c.ended_ms.is_not(None)),
    )
    .values(resolved_ms=bindparam("now_ms"))
)


class _Resolving:
    """Ends an account's cases of some reasons as resolved."""

    def __init__(self, reason: sa.ColumnElement[bool]) -> None:
        resolved = (_of_account, cases.c.resolved_ms.is_(None), reason)
        number = cases.c.case_number
        self._hold = Statement(sa.select(number).where(*resolved).order_by(number).with_for_update())
        self._cases = Statement(cases.update().where(*resolved).values(resolved_ms=bindparam("now_ms")))
        self._desk = Statement(
            case_desk.update()
            .where(
                case_desk.c.ended_ms.is_(None),
                case_desk.c.case_number.in_(sa.select(cases.c.case_number).where(*resolved)),
            )
            .values(state=bindparam("state"), outcome=bindparam("outcome"), ended_ms=bindparam("now_ms"))
        )

    def run(self, connection: sa.Connection, account_id: AccountId, now_ms: int) -> None:
        # The case before its place on the desk, as whoever changes one holds them.
        if not self._hold.rows(connection, {"account": account_id}):
            return
        given = {"account": account_id, "now_ms": now_ms}
        resolved = {"state": int(CaseState.RESOLVED), "outcome": int(Outcome.PASSED)}
        self._desk.run(connection, {**given, **resolved})
        self._cases.run(connection, given)


def _about(*prefixes: str) -> sa.ColumnElement[bool]:
    return sa.or_(*(cases.c.reason.startswith(prefix, autoescape=True) for prefix in prefixes))


_about_cards = _about("CARD_")
_about_documents = _about("PHOTO_", "DOCUMENT_", "AUTHORITY_")
_CARDS = _Resolving(_about_cards)
_DOCUMENTS = _Resolving(_about_documents)
ONLY_FOR_OPERATORS = _about("CHECK_")
"""Cases of what a provider has contradicted itself about: nothing else ends them."""
_PEOPLE = _Resolving(~_about_cards & ~_about_documents & ~ONLY_FOR_OPERATORS)
