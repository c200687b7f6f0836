"""Cases in SQL. What people and operators write is sealed under a key of the case's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.case_rows import ONLY_FOR_OPERATORS, SELECTED, WORDS, case_of, desk_values
from services.identity.adapters.case_tables import case_desk, case_notes
from services.identity.adapters.tables import cases
from services.identity.adapters.vault import Vault, case_record
from services.identity.domain.cases.case import Author, Case, CaseState, Note, QueueFilter
from services.identity.domain.cases.desk import Change, NewNote, Position
from services.identity.domain.errors import CaseUnknown, RequestIdReused
from services.identity.domain.people import AccountId, CaseNumber
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement

_FAR_MS = 1 << 62
_STATES_MAX = 3
"""States of cases that have not ended."""


class SqlCaseStore:
    """`CaseStore` over a `Database`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def find(self, case_number: CaseNumber, account_id: AccountId | None) -> Case | None:
        """See `CaseStore.find`."""

        def unit(connection: sa.Connection) -> Case | None:
            case = self._case(connection, case_number)
            return case if case is not None and account_id in (None, case.account_id) else None

        return await self._database.read(unit)

    async def notes(self, case_number: CaseNumber) -> Sequence[Note]:
        """See `CaseStore.notes`."""

        def unit(connection: sa.Connection) -> list[Note]:
            rows = _NOTES.rows(connection, {"number": case_number})
            key = self._vault.look(connection, case_record(case_number))
            return [
                Note(
                    Author(row.author),
                    key.unseal(f"note/{row.number}", row.text_sealed),
                    row.photo_reference,
                    row.added_ms,
                )
                for row in rows
            ]

        return await self._database.read(unit)

    async def of_account(self, account_id: AccountId, before: Position | None, limit: int) -> Sequence[Case]:
        """See `CaseStore.of_account`."""
        before_ms, number = before or (_FAR_MS, CaseNumber(""))
        wanted = {"account": account_id, "before_ms": before_ms, "number": number, "limit": limit}
        return await self._database.read(self._reading(_OF_ACCOUNT, wanted))

    async def queue(self, wanted: QueueFilter, after: Position | None, limit: int) -> Sequence[Case]:
        """See `CaseStore.queue`."""
        after_ms, number = after or (-1, CaseNumber(""))
        states = [int(state) for state in wanted.states][:_STATES_MAX]
        given: dict[str, Any] = {
            "after_ms": after_ms,
            "number": number,
            "limit": limit,
            "reason": wanted.reason,
            "step": wanted.step,
            "waiting": int(CaseState.WAITING_FOR_PERSON),
            "opened_before_ms": _FAR_MS if wanted.opened_before_ms is None else wanted.opened_before_ms,
            "all_ages": wanted.opened_before_ms is None,
        }
        given |= {f"state_{place}": state for place, state in enumerate(states)}
        given |= {f"state_{place}": 0 for place in range(len(states), _STATES_MAX)}
        return await self._database.read(self._reading(_QUEUE, given))

    async def change(self, case_number: CaseNumber, change: Change) -> Case:
        """See `CaseStore.change`."""

        def unit(connection: sa.Connection) -> Case:
            before = self._held(connection, case_number, None)
            return self._keep(connection, before, change(before))

        return await self._database.write(unit)

    async def add_note(
        self, case_number: CaseNumber, account_id: AccountId | None, new: NewNote, change: Change
    ) -> Case:
        """See `CaseStore.add_note`."""
        note = new.note
        digest = hashlib.sha256(new.request_id.lower().encode()).digest()
        written = (case_number, str(int(note.author)), note.text, note.photo_reference)
        fingerprint = self._vault.fingerprint("case-note", *written)

        def unit(connection: sa.Connection) -> Case:
            before = self._held(connection, case_number, account_id)
            kept = _NOTE_BY_REQUEST.first(connection, {"number": case_number, "digest": digest})
            if kept is not None:
                if kept.input_fingerprint != fingerprint:
                    raise RequestIdReused(new.request_id)
                return before
            after = self._keep(connection, before, change(before))
            key = self._vault.key(connection, case_record(case_number))
            values = {
                "case_number": case_number,
                "number": after.note_count,
                "author": int(note.author),
                "text_sealed": key.seal(f"note/{after.note_count}", note.text),
                "photo_reference": note.photo_reference,
                "added_ms": note.added_ms,
                "request_digest": digest,
                "input_fingerprint": fingerprint,
            }
            _INSERT_NOTE.run(connection, values)
            return after

        return await self._database.write(unit)

    async def lapse(self, opened_before_ms: int, asked_before_ms: int, now_ms: int, limit: int) -> int:
        """See `CaseStore.lapse`."""
        alone = {"before_ms": opened_before_ms, "state": int(CaseState.OPEN)}
        asked = {"before_ms": asked_before_ms, "state": int(CaseState.WAITING_FOR_PERSON)}

        def unit(connection: sa.Connection) -> int:
            found = list(_LAPSED.rows(connection, alone | {"limit": limit}))
            found += _SILENT.rows(connection, asked | {"limit": limit - len(found)})
            # In the order in which others hold several cases.
            for row in sorted(found, key=attrgetter("case_number")):
                before = self._held(connection, CaseNumber(row.case_number), None)
                # Somebody may have been faster.
                if (before.state, before.note_count) == (row.state, row.note_count):
                    after = before.handed_back() if row.for_operators else before.lapsed(now_ms)
                    self._keep(connection, before, after)
            return len(found)

        return await self._database.write(unit)

    async def take_in_earlier_cases(self, limit: int) -> int:
        """Puts cases that are older than the desk onto it, so that the queue has them; how many.

        Safe from several replicas at once: the key decides, and who was slower looks again.
        """

        def unit(connection: sa.Connection) -> int:
            rows = _EARLIER.rows(connection, {"limit": limit})
            for row in rows:
                _INSERT_DESK.run(connection, desk_values(CaseNumber(row.case_number), row.opened_ms))
            return len(rows)

        return await self._database.write(unit)

    def _reading(
        self, statement: Statement, given: dict[str, Any]
    ) -> Callable[[sa.Connection], Sequence[Case]]:
        def unit(connection: sa.Connection) -> Sequence[Case]:
            return [case_of(connection, self._vault, row) for row in statement.rows(connection, given)]

        return unit

    def _case(self, connection: sa.Connection, case_number: CaseNumber) -> Case | None:
        row: Row | None = _CASE.first(connection, {"number": case_number})
        return None if row is None else case_of(connection, self._vault, row)

    def _held(self, connection: sa.Connection, case_number: CaseNumber, account_id: AccountId | None) -> Case:
        """The case, which nobody else can change until the commit. Raises `CaseUnknown`."""
        # Locked first, and read after it: somebody may change it at the same moment.
        _LOCK.first(connection, {"number": case_number})
        case = self._case(connection, case_number)
        if case is None or account_id not in (None, case.account_id):
            raise CaseUnknown(account_id, case_number)
        return case

    def _keep(self, connection: sa.Connection, before: Case, after: Case) -> Case:
        if after == before:
            return after
        number, answer = after.case_number, after.answer
        values: dict[str, Any] = {
            "number": number,
            "state": int(after.state),
            "operator": after.operator,
            "note_count": after.note_count,
            "outcome": None,
            "words_sealed": None,
            "ended_ms": None,
        }
        if answer is not None:
            values |= {"outcome": int(answer.outcome), "ended_ms": answer.answered_ms}
            if answer.words:
                key = self._vault.key(connection, case_record(number))
                values["words_sealed"] = key.seal(WORDS, answer.words)
            _END.run(connection, {"number": number, "ended_ms": answer.answered_ms})
        _CHANGE.run(connection, values)
        return after


_CASE = Statement(SELECTED.where(cases.c.case_number == bindparam("number")))
_LOCK = Statement(
    sa.select(cases.c.case_number).where(cases.c.case_number == bindparam("number")).with_for_update()
)
_OF_ACCOUNT = Statement(
    SELECTED.where(
        cases.c.account_id == bindparam("account"),
        (cases.c.opened_ms < bindparam("before_ms"))
        | ((cases.c.opened_ms == bindparam("before_ms")) & (cases.c.case_number < bindparam("number"))),
    )
    .order_by(cases.c.opened_ms.desc(), cases.c.case_number.desc())
    .limit(bindparam("limit"))
)
_reason, _step = (bindparam(name, type_=sa.String) for name in ("reason", "step"))
_QUEUE = Statement(
    SELECTED.where(
        case_desk.c.ended_ms.is_(None),
        # What follows says it alone; this is what the index is entered by.
        case_desk.c.opened_ms >= bindparam("after_ms"),
        (case_desk.c.opened_ms > bindparam("after_ms"))
        | (
            (case_desk.c.opened_ms == bindparam("after_ms")) & (case_desk.c.case_number > bindparam("number"))
        ),
        case_desk.c.state.in_([bindparam(f"state_{place}") for place in range(_STATES_MAX)]),
        (sa.cast(_reason, sa.String) == "") | (cases.c.reason == _reason),
        (sa.cast(_step, sa.String) == "") | (cases.c.step == _step),
        case_desk.c.opened_ms < bindparam("opened_before_ms"),
        sa.cast(bindparam("all_ages"), sa.Boolean) | (case_desk.c.state != bindparam("waiting")),
    )
    .order_by(case_desk.c.opened_ms, case_desk.c.case_number)
    .limit(bindparam("limit"))
)
_NOTES = Statement(
    sa.select(case_notes).where(case_notes.c.case_number == bindparam("number")).order_by(case_notes.c.number)
)
_NOTE_BY_REQUEST = Statement(
    sa.select(case_notes.c.input_fingerprint).where(
        case_notes.c.case_number == bindparam("number"), case_notes.c.request_digest == bindparam("digest")
    )
)
_INSERT_NOTE = Statement(case_notes.insert())
_INSERT_DESK = Statement(case_desk.insert())
_CHANGE = Statement(
    case_desk.update()
    .where(case_desk.c.case_number == bindparam("number"))
    .values(
        {
            name: bindparam(name)
            for name in ("state", "operator", "note_count", "outcome", "words_sealed", "ended_ms")
        }
    )
)
_END = Statement(
    cases.update().where(cases.c.case_number == bindparam("number")).values(resolved_ms=bindparam("ended_ms"))
)
_oldest = (
    sa.select(
        case_desk.c.case_number,
        case_desk.c.state,
        case_desk.c.note_count,
        ONLY_FOR_OPERATORS.label("for_operators"),
    )
    .select_from(case_desk.join(cases))
    .where(case_desk.c.ended_ms.is_(None), case_desk.c.state == bindparam("state"))
    .order_by(case_desk.c.opened_ms, case_desk.c.case_number)
    .limit(bindparam("limit"))
)
_LAPSED = Statement(
    _oldest.where(
        case_desk.c.opened_ms < bindparam("before_ms"), case_desk.c.note_count == 0, ~ONLY_FOR_OPERATORS
    )
)
# Who waits for a person was the last to write.
_SILENT = Statement(
    _oldest.where(
        ~sa.exists().where(
            case_notes.c.case_number == case_desk.c.case_number,
            case_notes.c.added_ms >= bindparam("before_ms"),
        )
    )
)
_EARLIER = Statement(
    sa.select(cases.c.case_number, cases.c.opened_ms)
    .select_from(cases.outerjoin(case_desk))
    .where(cases.c.resolved_ms.is_(None), case_desk.c.case_number.is_(None))
    .limit(bindparam("limit"))
)
