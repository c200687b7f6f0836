"""Identity's cases behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import cases_pb2 as pb
from hongbao.gateway.v1 import gateway_pb2
from hongbao.identity.v1 import cases_pb2, cases_pb2_grpc, errors_pb2, identity_pb2
from services.gateway.adapters.forwarding import Forwarding
from services.mesh.language import LANGUAGE_KEY

_SERVICE = "identity"


class CaseClient:
    """Cases of accounts. Raises identity's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def get(self, request: Any, language: str) -> Any:
        """See `CaseService.GetCase`."""
        asked = cases_pb2.CaseServiceGetCaseRequest(
            account_id=request.account_id, login_secret=request.login_secret, case_number=request.case_number
        )
        answer = await self._call("GetCase", asked, language)
        return pb.CaseServiceGetCaseResponse(case=_case(answer.case), notes=map(_note, answer.notes))

    async def list_of_account(self, request: Any, language: str) -> Any:
        """See `CaseService.ListCases`."""
        asked = cases_pb2.ListCasesRequest(
            account_id=request.account_id,
            login_secret=request.login_secret,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._call("ListCases", asked, language)
        return pb.ListCasesResponse(cases=map(_case, answer.cases), next_page_token=answer.next_page_token)

    async def add(self, request: Any, language: str) -> Any:
        """See `CaseService.AddToCase`."""
        asked = cases_pb2.AddToCaseRequest(
            request_id=request.request_id,
            account_id=request.account_id,
            login_secret=request.login_secret,
            case_number=request.case_number,
            text=request.text,
            photo_reference=request.photo_reference,
        )
        return pb.AddToCaseResponse(case=_case((await self._call("AddToCase", asked, language)).case))

    async def _call(self, method: str, request: Any, language: str) -> Any:
        metadata = ((LANGUAGE_KEY, language),) if language else ()
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(cases_pb2_grpc.CaseServiceStub(channel), method)(
                request, timeout=timeout_s, metadata=metadata
            ),
        )


def _case(case: identity_pb2.Case) -> pb.Case:
    shown = pb.Case(
        case_number=case.case_number,
        state=gateway_pb2.CaseState.Value(identity_pb2.CaseState.Name(case.state)),
        reason=errors_pb2.ErrorReason.Name(case.reason).removeprefix("ERROR_REASON_"),
        step=case.step,
        next_step=case.next_step,
        opened_at=case.opened_at,
    )
    if case.HasField("answer"):
        answer = case.answer
        shown.answer.outcome = pb.CaseOutcome.Value(identity_pb2.CaseOutcome.Name(answer.outcome))
        shown.answer.text, shown.answer.words = answer.text, answer.words
        shown.answer.answered_at.CopyFrom(answer.answered_at)
    return shown


def _note(note: cases_pb2.CaseNote) -> pb.CaseNote:
    return pb.CaseNote(
        author=pb.CaseAuthor.Value(cases_pb2.CaseAuthor.Name(note.author)),
        text=note.text,
        photo_reference=note.photo_reference,
        added_at=note.added_at,
    )
