"""Cases as the contract says them."""

from __future__ import annotations

from hongbao.identity.v1 import errors_pb2, identity_pb2
from services.identity.domain import guidance
from services.identity.domain.cases.answers import ANSWERS
from services.identity.domain.cases.case import Case
from services.mesh.language import Language
from services.mesh.timestamps import timestamp


def case_shown(case: Case, language: Language) -> identity_pb2.Case:
    """A case as its person sees it."""
    shown = identity_pb2.Case(
        case_number=case.case_number,
        state=identity_pb2.CaseState.ValueType(case.state),
        reason=errors_pb2.ErrorReason.Value(f"ERROR_REASON_{case.reason}"),
        step=case.step,
        next_step=guidance.advice(case.reason, case.step)[language],
        opened_at=timestamp(case.opened_ms),
    )
    if case.resolved_ms is not None:
        shown.resolved_at.CopyFrom(timestamp(case.resolved_ms))
    answer = case.answer
    if answer is not None:
        shown.answer.outcome = identity_pb2.CaseOutcome.ValueType(answer.outcome)
        shown.answer.text = ANSWERS[answer.outcome][language]
        shown.answer.words = answer.words
        shown.answer.answered_at.CopyFrom(timestamp(answer.answered_ms))
    return shown
