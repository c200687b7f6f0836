"""How applications are kept: rows to values and back. What was typed is sealed under their own keys."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.vault import RecordKey, Vault, application_record
from services.identity.adapters.verifying_tables import applications, loose_photos, questions, steps
from services.identity.domain import bank_cards
from services.identity.domain.names import PersonName
from services.identity.domain.people import AccountId, Tier
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.verifying.application import ENDED, Application, State, VerificationId
from services.identity.domain.verifying.checks import (
    CheckKind,
    CheckResult,
    Question,
    QuestionState,
    Reference,
)
from services.identity.domain.verifying.errors import ObjectStoreUnavailable
from services.identity.domain.verifying.photos import Photo, PhotoHeader, PhotoType
from services.identity.domain.verifying.steps import (
    CardAndPhone,
    Evidence,
    NameAndNumber,
    Step,
    StepKind,
    StepState,
)
from services.mesh.database.statement import Row, Statement


def load(connection: sa.Connection, vault: Vault, row: Row) -> Application:
    """The application of a row of `applications`."""
    verification_id = VerificationId(row.verification_id)
    key = vault.look(connection, application_record(verification_id))
    wanted = {"verification": verification_id}
    return Application(
        verification_id=verification_id,
        account_id=AccountId(row.account_id),
        level=Tier(row.level),
        steps=tuple(_step(found, key) for found in _STEPS.rows(connection, wanted)),
        started_ms=row.started_ms,
        submissions_max=row.submissions_max,
        state=State(row.state),
        questions=tuple(map(_question, _QUESTIONS.rows(connection, wanted))),
        refusals=row.refusals,
        evidence_count=row.evidence_count,
        edited=bool(row.edited),
        version=row.version,
        submitted_ms=row.submitted_ms,
        ended_ms=row.ended_ms,
    )


def insert(connection: sa.Connection, vault: Vault, application: Application) -> None:
    """Keeps a new application; the unique column stops a second open one of the account."""
    _INSERT.run(connection, _application_values(application))
    key = vault.new_key(connection, application_record(application.verification_id))
    for place, step in enumerate(application.steps):
        _INSERT_STEP.run(connection, _step_values(application, place, step, key))


def save(
    connection: sa.Connection,
    vault: Vault,
    before: Application,
    after: Application,
    *,
    now_ms: int,
    keep_ms: int,
) -> Application:
    """Keeps what has changed, as the next version; photos that are not needed any more become loose.

    `keep_ms`: how long photos of a rejected application are kept. Raises `ObjectStoreUnavailable` when a
    photo has been removed before anything referred to it.
    """
    if after == before:
        return before
    after = replace(after, version=before.version + 1)
    _UPDATE.run(connection, _application_values(after))
    changed = [place for place, step in enumerate(after.steps) if step is not before.steps[place]]
    if changed:
        key = vault.key(connection, application_record(after.verification_id))
        for place in changed:
            _UPDATE_STEP.run(connection, _step_values(after, place, after.steps[place], key))
    for place, question in enumerate(after.questions):
        if place >= len(before.questions):
            _INSERT_QUESTION.run(connection, _question_values(after, place, question))
        elif question != before.questions[place]:
            _UPDATE_QUESTION.run(connection, _question_values(after, place, question))
    _refer(connection, before, after, now_ms, keep_ms)
    return after


def _refer(
    connection: sa.Connection, before: Application, after: Application, now_ms: int, keep_ms: int
) -> None:
    """Has photos that nothing refers to any more removed in time, and keeps those that something does."""
    earlier, now = _photo_ids(before.steps), _photo_ids(after.steps)
    for photo_id in now - earlier:
        if _LOOSE.first(connection, {"photo": photo_id}) is None:
            raise ObjectStoreUnavailable
        _BIND.run(connection, {"photo": photo_id})
    loose = dict.fromkeys(earlier - now, now_ms)
    if after.state is State.REJECTED and before.state is not State.REJECTED:
        loose |= dict.fromkeys(now, now_ms + keep_ms)
    for photo_id, remove_ms in loose.items():
        LOOSEN.run(connection, {"photo_id": photo_id, "remove_ms": remove_ms})


def _photo_ids(of_steps: Iterable[Step]) -> set[int]:
    return {step.evidence.photo_id for step in of_steps if isinstance(step.evidence, Photo)}


def _application_values(application: Application) -> dict[str, Any]:
    is_open = application.state not in ENDED
    return {
        "verification_id": application.verification_id,
        "account_id": application.account_id,
        "open_account_id": application.account_id if is_open else None,
        "level": int(application.level),
        "state": int(application.state),
        "version": application.version,
        "submissions_max": application.submissions_max,
        "refusals": application.refusals,
        "evidence_count": application.evidence_count,
        "edited": application.edited,
        "started_ms": application.started_ms,
        "submitted_ms": application.submitted_ms,
        "ended_ms": application.ended_ms,
    }


def _step_values(application: Application, place: int, step: Step, key: RecordKey) -> dict[str, Any]:
    photo = step.evidence if isinstance(step.evidence, Photo) else None
    typed = _typed(step.evidence)
    return {
        "verification_id": application.verification_id,
        "place": place,
        "kind": int(step.kind),
        "ordinal": step.ordinal,
        "state": int(step.state),
        "typed_sealed": key.seal(f"typed/{place}", json.dumps(typed)) if typed else None,
        "photo_id": photo and photo.photo_id,
        "photo_type": photo and int(photo.header.type),
        "photo_width": photo and photo.header.width,
        "photo_height": photo and photo.header.height,
        "photo_digest": photo and photo.digest,
        "masked": step.masked,
        "reason": step.reason,
        "failed_step": step.failed_step,
        "case_number": step.case_number,
        "changed_ms": step.changed_ms,
    }


def _typed(evidence: Evidence | None) -> dict[str, str]:
    if isinstance(evidence, NameAndNumber):
        return {"name": evidence.name.text, "resident_id": evidence.resident_id.number}
    if isinstance(evidence, CardAndPhone):
        return {"card": evidence.card.digits, "phone": evidence.phone}
    return {}


def _step(row: Row, key: RecordKey) -> Step:
    return Step(
        kind=StepKind(row.kind),
        ordinal=row.ordinal,
        state=StepState(row.state),
        evidence=_evidence(row, key),
        masked=row.masked,
        reason=row.reason,
        failed_step=row.failed_step,
        case_number=row.case_number,
        changed_ms=row.changed_ms,
    )


def _evidence(row: Row, key: RecordKey) -> Evidence | None:
    if row.photo_id is not None:
        header = PhotoHeader(PhotoType(row.photo_type), row.photo_width, row.photo_height)
        return Photo(row.photo_id, header, bytes(row.photo_digest))
    if not row.typed_sealed:
        return None
    typed = json.loads(key.unseal(f"typed/{row.place}", row.typed_sealed))
    if "card" in typed:
        return CardAndPhone(bank_cards.parse(typed["card"]), typed["phone"])
    return NameAndNumber(PersonName(typed["name"]), ResidentId(typed["resident_id"]))


def _question_values(application: Application, place: int, question: Question) -> dict[str, Any]:
    return {
        "reference": question.reference,
        "verification_id": application.verification_id,
        "place": place,
        "kind": int(question.kind),
        "ordinal": question.ordinal,
        "attempt": question.attempt,
        "state": int(question.state),
        "tries": question.tries,
        "due_ms": question.due_ms,
        "open_due_ms": question.due_ms if question.state is QuestionState.OPEN else None,
        "result": None if question.result is None else int(question.result),
        "result_ms": question.result_ms,
        "counted": question.counted,
        "contradictions": question.contradictions,
    }


def _question(row: Row) -> Question:
    return Question(
        reference=Reference(row.reference),
        kind=CheckKind(row.kind),
        ordinal=row.ordinal,
        attempt=row.attempt,
        due_ms=row.due_ms,
        state=QuestionState(row.state),
        tries=row.tries,
        result=None if row.result is None else CheckResult(row.result),
        result_ms=row.result_ms,
        counted=bool(row.counted),
        contradictions=row.contradictions,
    )


class _Update:
    """Sets all columns of the row that has these keys."""

    def __init__(self, table: sa.Table, *keys: str) -> None:
        self._keys = keys
        columns: dict[str, Any] = {
            column.name: bindparam(column.name) for column in table.columns if column.name not in keys
        }
        # A key's own name would stand for a new value of its column.
        row = (table.c[key] == bindparam(f"of_{key}") for key in keys)
        self._statement = Statement(table.update().where(*row).values(columns))

    def run(self, connection: sa.Connection, values: dict[str, Any]) -> None:
        given = {f"of_{name}" if name in self._keys else name: value for name, value in values.items()}
        self._statement.run(connection, given)


_STEPS = Statement(
    sa.select(steps).where(steps.c.verification_id == bindparam("verification")).order_by(steps.c.place)
)
_QUESTIONS = Statement(
    sa.select(questions)
    .where(questions.c.verification_id == bindparam("verification"))
    .order_by(questions.c.place)
)
_INSERT = Statement(applications.insert())
_UPDATE = _Update(applications, "verification_id")
_INSERT_STEP = Statement(steps.insert())
_UPDATE_STEP = _Update(steps, "verification_id", "place")
_INSERT_QUESTION = Statement(questions.insert())
_UPDATE_QUESTION = _Update(questions, "reference")
_LOOSE = Statement(
    sa.select(loose_photos.c.photo_id).where(loose_photos.c.photo_id == bindparam("photo")).with_for_update()
)
_BIND = Statement(loose_photos.delete().where(loose_photos.c.photo_id == bindparam("photo")))
_by_id = sa.select(applications).where(applications.c.verification_id == bindparam("verification"))
BY_ID = Statement(_by_id)
LOCKED = Statement(_by_id.with_for_update())
LOCKED_OR_LEFT = Statement(_by_id.with_for_update(skip_locked=True))
"""No row when somebody else is at it."""
LOOSEN = Statement(loose_photos.insert())
"""Has a photo removed at a time, unless something refers to it by then."""
