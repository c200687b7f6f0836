"""Why something cannot be done with a case."""

from __future__ import annotations

from services.identity.domain.errors import IdentityError
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class CaseEnded(IdentityError):
    """The case has its answer; what is new is a new case."""

    kind = ErrorKind.PRECONDITION
    reason = "CASE_ENDED"
    localized = sentence(
        "这张受理单已有答复；如仍有问题，请重新提交认证。",
        "This case has its answer: if something is still wrong, try the check again.",
    )

    def __init__(self, case_number: str) -> None:
        super().__init__(f"case {case_number} has its answer", case_number=case_number)


class CaseTaken(IdentityError):
    """Another operator has the case."""

    kind = ErrorKind.PRECONDITION
    reason = "CASE_TAKEN"

    def __init__(self, case_number: str, operator: str) -> None:
        super().__init__(f"{operator} has case {case_number}", case_number=case_number, operator=operator)


class CaseNoteLimitReached(IdentityError):
    """The case has as many notes as one may have."""

    kind = ErrorKind.EXHAUSTED
    reason = "CASE_NOTE_LIMIT_REACHED"
    localized = sentence(
        "这张受理单的补充说明已满，请等待答复。",
        "This case has as many notes as one may have: please wait for the answer.",
    )

    def __init__(self, case_number: str, limit: int) -> None:
        super().__init__(f"a case may have {limit} notes", case_number=case_number, limit=limit)
