"""The contract of cases in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hongbao.identity.v1 import cases_pb2, errors_pb2, identity_pb2
from hongbao.identity.v1.cases_pb2_grpc import CaseServiceServicer
from services.identity.api.case_messages import case_shown
from services.identity.api.languages import language_asked
from services.identity.domain.cases.case import UNENDED, Case, CaseState, Note, Outcome, QueueFilter
from services.identity.domain.cases.desk import CaseDesk
from services.identity.domain.people import AccountId, CaseNumber
from services.mesh.clock import Clock
from services.mesh.language import Language
from services.mesh.timestamps import timestamp


class CaseApi(CaseServiceServicer):
    """Serves `hongbao.identity.v1.CaseService`."""

    def __init__(self, desk: CaseDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    async def GetCase(
        self, request: cases_pb2.CaseServiceGetCaseRequest, context: Any
    ) -> cases_pb2.CaseServiceGetCaseResponse:
        """See the contract."""
        case, notes = await self._desk.of_person(
            AccountId(request.account_id), request.login_secret, CaseNumber(request.case_number)
        )
        return cases_pb2.CaseServiceGetCaseResponse(
            case=case_shown(case, language_asked(context)), notes=_notes(notes)
        )

    async def ListCases(
        self, request: cases_pb2.ListCasesRequest, context: Any
    ) -> cases_pb2.ListCasesResponse:
        """See the contract."""
        page = await self._desk.listed(
            AccountId(request.account_id), request.login_secret, request.page_size, request.page_token
        )
        language = language_asked(context)
        return cases_pb2.ListCasesResponse(
            cases=[case_shown(case, language) for case in page.cases], next_page_token=page.next_page_token
        )

    async def AddToCase(
        self, request: cases_pb2.AddToCaseRequest, context: Any
    ) -> cases_pb2.AddToCaseResponse:
        """See the contract."""
        case = await self._desk.add(
            AccountId(request.account_id),
            request.login_secret,
            CaseNumber(request.case_number),
            request.request_id,
            request.text,
            request.photo_reference,
        )
        return cases_pb2.AddToCaseResponse(case=case_shown(case, language_asked(context)))

    async def ListQueue(
        self, request: cases_pb2.ListQueueRequest, context: Any
    ) -> cases_pb2.ListQueueResponse:
        """See the contract."""
        states = tuple(state for state in UNENDED if not request.states or int(state) in request.states)
        reason = errors_pb2.ErrorReason.Name(request.reason).removeprefix("ERROR_REASON_")
        wanted = QueueFilter(states, reason if request.reason else "", request.step)
        if request.overdue_only:
            wanted = self._desk.overdue(wanted)
        page = await self._desk.queue(wanted, request.page_size, request.page_token)
        language = language_asked(context)
        return cases_pb2.ListQueueResponse(
            cases=[self._queued(case, language) for case in page.cases], next_page_token=page.next_page_token
        )

    async def ReadCase(self, request: cases_pb2.ReadCaseRequest, context: Any) -> cases_pb2.ReadCaseResponse:
        """See the contract."""
        case, notes = await self._desk.read(CaseNumber(request.case_number))
        return cases_pb2.ReadCaseResponse(
            case=self._queued(case, language_asked(context)), notes=_notes(notes)
        )

    async def TakeCase(self, request: cases_pb2.TakeCaseRequest, context: Any) -> cases_pb2.TakeCaseResponse:
        """See the contract."""
        case = await self._desk.take(CaseNumber(request.case_number), request.operator)
        return cases_pb2.TakeCaseResponse(case=self._queued(case, language_asked(context)))

    async def AskPerson(
        self, request: cases_pb2.AskPersonRequest, context: Any
    ) -> cases_pb2.AskPersonResponse:
        """See the contract."""
        case = await self._desk.ask(
            CaseNumber(request.case_number), request.operator, request.request_id, request.text
        )
        return cases_pb2.AskPersonResponse(case=self._queued(case, language_asked(context)))

    async def AnswerCase(
        self, request: cases_pb2.AnswerCaseRequest, context: Any
    ) -> cases_pb2.AnswerCaseResponse:
        """See the contract."""
        case = await self._desk.answer(
            CaseNumber(request.case_number), request.operator, Outcome(request.outcome), request.words
        )
        return cases_pb2.AnswerCaseResponse(case=self._queued(case, language_asked(context)))

    def _queued(self, case: Case, language: Language) -> cases_pb2.QueuedCase:
        now_ms = self._clock.now_ms()
        return cases_pb2.QueuedCase(
            case=case_shown(case, language),
            account_id=case.account_id,
            age_s=case.age_s(now_ms),
            overdue=case.is_overdue(now_ms, self._desk.overdue_s),
            operator=case.operator,
            failure_count=case.failure_count,
            note_count=case.note_count,
        )


def _notes(notes: Sequence[Note]) -> list[cases_pb2.CaseNote]:
    return [
        cases_pb2.CaseNote(
            author=cases_pb2.CaseAuthor.ValueType(note.author),
            text=note.text,
            photo_reference=note.photo_reference,
            added_at=timestamp(note.added_ms),
        )
        for note in notes
    ]


assert set(identity_pb2.CaseState.values()) == {0, *CaseState}, "numbers of states are the contract's"  # noqa: S101 - an invariant
assert set(identity_pb2.CaseOutcome.values()) == {0, *Outcome}, "as are those of outcomes"  # noqa: S101 - as above
