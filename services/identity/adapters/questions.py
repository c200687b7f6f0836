"""Questions to providers in SQL: who asks next, and what each answer brings about, exactly once."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters import statements, verifying_rows
from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.applications import SqlApplicationStore
from services.identity.adapters.confirmations import Confirmations
from services.identity.adapters.vault import Vault
from services.identity.adapters.verifying_tables import applications, questions
from services.identity.domain.errors import AlreadyVerifiedAsOther, CardLimitReached
from services.identity.domain.people import CaseNumber, FailedCheck
from services.identity.domain.ports import FourElements
from services.identity.domain.verifying import progress
from services.identity.domain.verifying.application import Application
from services.identity.domain.verifying.checks import (
    CheckKind,
    CheckResult,
    Failure,
    Pauses,
    Question,
    Reference,
)
from services.identity.domain.verifying.errors import CheckUnknown
from services.identity.domain.verifying.photos import Photo
from services.identity.domain.verifying.ports import Asked, DocumentShown, Drawn, Taken
from services.identity.domain.verifying.progress import Told
from services.identity.domain.verifying.steps import CardAndPhone, NameAndNumber
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement


class SqlQuestions:
    """`Questions` over a `Database`."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        accounts: SqlAccountStore,
        store: SqlApplicationStore,
        confirmations: Confirmations,
    ) -> None:
        self._database = database
        self._vault = vault
        self._accounts = accounts
        self._store = store
        self._confirmations = confirmations

    async def told(
        self, reference: Reference, result: CheckResult, drawn: Drawn, now_ms: int, trace_context: str
    ) -> Told:
        """See `Questions.told`."""

        def unit(connection: sa.Connection) -> tuple[Told, int]:
            before = self._asked_under(connection, reference)
            if before is None:
                raise CheckUnknown(reference)
            told, seq = progress.told(before, reference, result, now_ms), 0
            if told.counted and told.first and told.failure is None:
                try:
                    question = before.question(reference)
                    seq = self._confirmations.take(connection, before, question, drawn, now_ms, trace_context)
                except AlreadyVerifiedAsOther as refused:
                    told = progress.told(
                        before, reference, result, now_ms, Failure(refused.reason, refused.step, final=True)
                    )
                except CardLimitReached as refused:
                    told = progress.told(before, reference, result, now_ms, Failure(refused.reason, "limit"))
            after = self._with_case(connection, before, told, reference, drawn.case_number, now_ms)
            self._store.save_within(connection, before, after, now_ms)
            return told, seq

        told, seq = await self._database.write(unit)
        self._confirmations.announce(seq)
        self._store.announce()
        return told

    async def take(self, now_ms: int, lease_ms: int, limit: int) -> Sequence[Taken]:
        """See `Questions.take`."""
        due_now = {"now_ms": now_ms, "limit": limit}

        def unit(connection: sa.Connection) -> list[Taken]:
            due = _DUE.rows(connection, due_now)
            taken: list[Taken] = []
            for verification_id in dict.fromkeys(row.verification_id for row in due):
                # One that another replica is at is left to it.
                row = verifying_rows.LOCKED_OR_LEFT.first(connection, {"verification": verification_id})
                if row is not None:
                    taken += self._take_of(connection, row, now_ms, lease_ms)
            return taken

        # Most looks find nothing: they must not hold up who writes.
        if not await self._database.read(lambda connection: _DUE.rows(connection, due_now)):
            return []
        return await self._database.write(unit)

    async def unanswered(
        self, reference: Reference, tries: int, pauses: Pauses, case_number: CaseNumber, now_ms: int
    ) -> Failure | None:
        """See `Questions.unanswered`."""

        def unit(connection: sa.Connection) -> Failure | None:
            before = self._asked_under(connection, reference)
            if before is None or before.question(reference).tries != tries:
                return None
            after, failure = progress.unanswered(before, reference, pauses, now_ms)
            if failure is not None:
                number = self._open_case(connection, after, failure, reference, case_number, now_ms)
                after = progress.with_case(after, number)
            self._store.save_within(connection, before, after, now_ms)
            return failure

        failure = await self._database.write(unit)
        self._store.announce()
        return failure

    def _asked_under(self, connection: sa.Connection, reference: Reference) -> Application | None:
        """The application that a question belongs to, which nobody else changes until the commit.

        Nor its account, which is held first, as erasures hold them: what follows may be about that.
        """
        question = _BY_REFERENCE.first(connection, {"reference": reference})
        if question is None:
            return None
        statements.LOCK.first(connection, {"account": question.account_id})
        row = verifying_rows.LOCKED.first(connection, {"verification": question.verification_id})
        return verifying_rows.load(connection, self._vault, row)

    def _take_of(self, connection: sa.Connection, row: Row, now_ms: int, lease_ms: int) -> list[Taken]:
        before = after = verifying_rows.load(connection, self._vault, row)
        taken = []
        for question in before.open_questions():
            if question.due_ms <= now_ms:
                after = progress.taken_up(after, question.reference, now_ms + lease_ms)
                asked = self._asked(connection, before, question)
                taken.append(Taken(question.reference, question.tries + 1, asked))
        self._store.save_within(connection, before, after, now_ms)
        return taken

    def _asked(self, connection: sa.Connection, application: Application, question: Question) -> Asked | None:
        """What to ask; None when that is not known any more, because the person was erased."""
        steps = application.steps_of(question.kind, question.ordinal)
        if question.kind is CheckKind.REGISTRY:
            return steps[0].evidence if isinstance(steps[0].evidence, NameAndNumber) else None
        account = self._accounts.find_within(connection, application.account_id)
        if account is None or account.person is None:
            return None
        person = NameAndNumber(account.person.name, account.person.resident_id)
        if question.kind is CheckKind.AUTHORITY:
            photos = {step.kind: step.evidence for step in steps if isinstance(step.evidence, Photo)}
            return DocumentShown(person, photos)
        given = steps[0].evidence
        if not isinstance(given, CardAndPhone):
            return None
        return FourElements(person.name, person.resident_id, given.card, given.phone)

    def _with_case(
        self,
        connection: sa.Connection,
        before: Application,
        told: Told,
        reference: Reference,
        case_number: CaseNumber,
        now_ms: int,
    ) -> Application:
        """What a word has come to, with the case that it opens, for the person or for operators."""
        if told.contradicted is not None:
            contradicted = Failure(
                "CHECK_CONTRADICTED", before.question(reference).kind.name.lower(), counts=False
            )
            self._open_case(connection, before, contradicted, reference, case_number, now_ms)
        if told.failure is None:
            return told.application
        number = self._open_case(connection, before, told.failure, reference, case_number, now_ms)
        return progress.with_case(told.application, number)

    def _open_case(
        self,
        connection: sa.Connection,
        application: Application,
        failure: Failure,
        reference: Reference,
        case_number: CaseNumber,
        now_ms: int,
    ) -> CaseNumber:
        # One case for each evidence that was refused; an outage is one whatever was asked.
        typed = "" if failure.reason.endswith("_UNAVAILABLE") else reference
        failed = FailedCheck(application.account_id, failure.reason, failure.step, (typed,), failure.counts)
        return self._accounts.open_case_within(connection, failed, case_number, now_ms).case_number


_BY_REFERENCE = Statement(
    sa.select(questions.c.verification_id, applications.c.account_id)
    .select_from(questions.join(applications))
    .where(questions.c.reference == bindparam("reference"))
)
_DUE = Statement(
    sa.select(questions.c.verification_id)
    .where(questions.c.open_due_ms <= bindparam("now_ms"))
    .order_by(questions.c.open_due_ms)
    .limit(bindparam("limit"))
)
