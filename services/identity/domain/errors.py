"""Errors of the identity contract (`hongbao.identity.v1.ErrorReason`)."""

from __future__ import annotations

from typing import Any, Self

from services.mesh.errors import ErrorKind, ServiceError


class IdentityError(ServiceError):
    """An error of the identity service."""

    domain = "hongbao.identity"


class RequestIdReused(IdentityError):
    """A request_id came back with another input."""

    kind = ErrorKind.EXISTS
    reason = "REQUEST_ID_REUSED"

    def __init__(self, request_id: str) -> None:
        super().__init__("this request_id was used with another input", request_id=request_id)


class AccountUnknown(IdentityError):
    """No account has this number."""

    kind = ErrorKind.NOT_FOUND
    reason = "ACCOUNT_UNKNOWN"

    def __init__(self, account_id: int) -> None:
        super().__init__(f"there is no account {account_id}", account_id=account_id)


class SecretWrong(IdentityError):
    """The login secret is not the account's."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "SECRET_WRONG"

    def __init__(self, account_id: int) -> None:
        super().__init__(f"this is not the login secret of account {account_id}", account_id=account_id)


class AttemptLimitReached(IdentityError):
    """Too many checks of the account failed lately."""

    kind = ErrorKind.EXHAUSTED
    reason = "ATTEMPT_LIMIT_REACHED"

    def __init__(self, account_id: int, *, limit: int, window_s: int, next_step: str) -> None:
        super().__init__(
            f"account {account_id} had {limit} failed checks within {window_s} s",
            retry_delay_ms=window_s * 1000,
            account_id=account_id,
            limit=limit,
            window_s=window_s,
            next_step=next_step,
        )


class NotVerified(IdentityError):
    """No person is verified behind the account."""

    kind = ErrorKind.PRECONDITION
    reason = "NOT_VERIFIED"

    def __init__(self, account_id: int, *, next_step: str) -> None:
        super().__init__(
            f"nobody is verified behind account {account_id}", account_id=account_id, next_step=next_step
        )


class CaseUnknown(IdentityError):
    """The account has no case with this number."""

    kind = ErrorKind.NOT_FOUND
    reason = "CASE_UNKNOWN"

    def __init__(self, account_id: int, case_number: str) -> None:
        super().__init__(
            f"account {account_id} has no case {case_number}", account_id=account_id, case_number=case_number
        )


class CheckFailed(IdentityError):
    """A check of a person failed at a step. Whoever catches it opens a case and raises `with_case`."""

    step: str
    sentence: str = "the check failed"
    counts: bool = True
    """Whether it brings the account nearer to its limit of failed checks."""

    def __init__(self, step: str, **metadata: Any) -> None:
        super().__init__(f"{self.sentence} (step {step})", step=step, **metadata)
        self.step = step

    def with_case(self, case_number: str, next_step: str) -> Self:
        """The same error, telling the case that was opened for it and what the person can do now."""
        metadata: dict[str, Any] = {**self.metadata, "case_number": case_number, "next_step": next_step}
        return type(self)(metadata.pop("step"), **metadata)


class NameMalformed(CheckFailed):
    """The name cannot be one on a resident ID. Steps: length, characters, dot."""

    kind = ErrorKind.INVALID
    reason = "NAME_MALFORMED"
    sentence = "the name cannot be one on a resident ID"


class ResidentIdMalformed(CheckFailed):
    """The number cannot be anybody's. Steps: length, region, birth_date, checksum."""

    kind = ErrorKind.INVALID
    reason = "RESIDENT_ID_MALFORMED"
    sentence = "the resident ID cannot be anybody's"


class NameMismatch(CheckFailed):
    """The registry knows the number under another name."""

    kind = ErrorKind.PRECONDITION
    reason = "NAME_MISMATCH"
    sentence = "the population registry knows this resident ID under another name"

    def __init__(self, step: str = "name_match", **metadata: object) -> None:
        super().__init__(step, **metadata)


class ResidentIdUnknown(CheckFailed):
    """The registry has no such number."""

    kind = ErrorKind.PRECONDITION
    reason = "RESIDENT_ID_UNKNOWN"
    sentence = "the population registry has no such resident ID"

    def __init__(self, step: str = "registry", **metadata: object) -> None:
        super().__init__(step, **metadata)


class ProviderUnavailable(CheckFailed):
    """The registry gave no answer in time."""

    kind = ErrorKind.UNAVAILABLE
    reason = "PROVIDER_UNAVAILABLE"
    sentence = "the population registry gave no answer in time"
    counts = False
    retry_delay_ms = 2_000

    def __init__(self, step: str = "registry", **metadata: object) -> None:
        super().__init__(step, **metadata)


class AlreadyVerifiedAsOther(CheckFailed):
    """The account belongs to another person already."""

    kind = ErrorKind.EXISTS
    reason = "ALREADY_VERIFIED_AS_OTHER"
    sentence = "the account belongs to another person already"

    def __init__(self, step: str = "account", **metadata: object) -> None:
        super().__init__(step, **metadata)
