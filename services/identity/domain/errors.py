"""Errors of the identity contract (`hongbao.identity.v1.ErrorReason`)."""

from __future__ import annotations

from typing import Any, Self

from services.identity.domain import guidance
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.language import Language, sentence


class IdentityError(ServiceError):
    """An error of the identity service."""

    domain = "hongbao.identity"


class RequestIdReused(IdentityError):
    """A request_id came back with another input."""

    kind = ErrorKind.EXISTS
    reason = "REQUEST_ID_REUSED"
    localized = sentence(
        "这次注册与之前提交的不同，请重新注册。",
        "This registration differs from the one asked for before: please start again.",
    )

    def __init__(self, request_id: str) -> None:
        super().__init__("this request_id was used with another input", request_id=request_id)


class AccountUnknown(IdentityError):
    """No account has this number."""

    kind = ErrorKind.NOT_FOUND
    reason = "ACCOUNT_UNKNOWN"
    localized = sentence("没有这个账户，请核对账号。", "There is no such account: please check its number.")

    def __init__(self, account_id: int) -> None:
        super().__init__(f"there is no account {account_id}", account_id=account_id)


class SecretWrong(IdentityError):
    """The login secret is not the account's."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "SECRET_WRONG"
    localized = sentence("登录密钥不对，请核对后再试。", "The login secret is wrong: please check it.")

    def __init__(self, account_id: int) -> None:
        super().__init__(f"this is not the login secret of account {account_id}", account_id=account_id)


class AttemptLimitReached(IdentityError):
    """Too many checks of the account failed lately."""

    kind = ErrorKind.EXHAUSTED
    reason = "ATTEMPT_LIMIT_REACHED"
    localized = guidance.advice(reason)

    def __init__(self, account_id: int, *, limit: int, window_s: int, language: Language) -> None:
        super().__init__(
            f"account {account_id} had {limit} failed checks within {window_s} s",
            retry_delay_ms=window_s * 1000,
            account_id=account_id,
            limit=limit,
            window_s=window_s,
            next_step=self.localized[language],
        )


class NotVerified(IdentityError):
    """No person is verified behind the account, so it can have no cards."""

    kind = ErrorKind.PRECONDITION
    reason = "NOT_VERIFIED"
    localized = guidance.advice(reason)

    def __init__(self, account_id: int, *, language: Language) -> None:
        super().__init__(
            f"nobody is verified behind account {account_id}",
            account_id=account_id,
            next_step=self.localized[language],
        )


class CaseUnknown(IdentityError):
    """The account has no case with this number; for operators, nobody has."""

    kind = ErrorKind.NOT_FOUND
    reason = "CASE_UNKNOWN"
    localized = sentence("没有这张受理单，请核对单号。", "There is no such case: please check its number.")

    def __init__(self, account_id: int | None, case_number: str) -> None:
        if account_id is None:
            super().__init__(f"there is no case {case_number}", case_number=case_number)
        else:
            super().__init__(
                f"account {account_id} has no case {case_number}",
                account_id=account_id,
                case_number=case_number,
            )


class PageTokenInvalid(IdentityError):
    """The page token was not given out for this list."""

    kind = ErrorKind.INVALID
    reason = "PAGE_TOKEN_INVALID"
    localized = sentence("列表已变化，请从头刷新。", "The list cannot go on from here: please open it again.")

    def __init__(self, page_token: str) -> None:
        super().__init__("the page token is not from this list", page_token=page_token[:64])


class CardLimitReached(IdentityError):
    """The person has as many cards as one may have."""

    kind = ErrorKind.PRECONDITION
    reason = "CARD_LIMIT_REACHED"
    localized = guidance.advice(reason)

    def __init__(self, limit: int, *, language: Language) -> None:
        super().__init__(f"a person may have {limit} cards", limit=limit, next_step=self.localized[language])


class CardUnknown(IdentityError):
    """The person never had this card."""

    kind = ErrorKind.NOT_FOUND
    reason = "CARD_UNKNOWN"
    localized = sentence("没有绑定过这张银行卡。", "There is no such card: please look at the list of cards.")

    def __init__(self, card_id: int) -> None:
        super().__init__(f"the person has no card {card_id}", card_id=card_id)


class CheckFailed(IdentityError):
    """A check of a person failed at a step. Whoever catches it opens a case and raises `with_case`."""

    step: str
    why: str = "the check failed"
    counts: bool = True
    """Whether it brings the account nearer to its limit of failed checks."""

    def __init__(self, step: str, **metadata: Any) -> None:
        super().__init__(f"{self.why} (step {step})", step=step, **metadata)
        self.step = step
        self.localized = guidance.advice(self.reason, step)

    def with_case(self, case_number: str, language: Language) -> Self:
        """The same error, telling the case that was opened for it and what the person can do now."""
        next_step = self.localized[language]
        metadata: dict[str, Any] = {**self.metadata, "case_number": case_number, "next_step": next_step}
        return type(self)(metadata.pop("step"), **metadata)


class NameMalformed(CheckFailed):
    """The name cannot be one on a resident ID. Steps: length, characters, dot."""

    kind = ErrorKind.INVALID
    reason = "NAME_MALFORMED"
    why = "the name cannot be one on a resident ID"


class ResidentIdMalformed(CheckFailed):
    """The number cannot be anybody's. Steps: length, region, birth_date, checksum."""

    kind = ErrorKind.INVALID
    reason = "RESIDENT_ID_MALFORMED"
    why = "the resident ID cannot be anybody's"


class NameMismatch(CheckFailed):
    """The registry knows the number under another name."""

    kind = ErrorKind.PRECONDITION
    reason = "NAME_MISMATCH"
    why = "the population registry knows this resident ID under another name"

    def __init__(self, step: str = "name_match", **metadata: object) -> None:
        super().__init__(step, **metadata)


class ResidentIdUnknown(CheckFailed):
    """The registry has no such number."""

    kind = ErrorKind.PRECONDITION
    reason = "RESIDENT_ID_UNKNOWN"
    why = "the population registry has no such resident ID"

    def __init__(self, step: str = "registry", **metadata: object) -> None:
        super().__init__(step, **metadata)


class ProviderUnavailable(CheckFailed):
    """The registry gave no answer in time."""

    kind = ErrorKind.UNAVAILABLE
    reason = "PROVIDER_UNAVAILABLE"
    why = "the population registry gave no answer in time"
    counts = False
    retry_delay_ms = 2_000

    def __init__(self, step: str = "registry", **metadata: object) -> None:
        super().__init__(step, **metadata)


class AlreadyVerifiedAsOther(CheckFailed):
    """The account belongs to another person already."""

    kind = ErrorKind.EXISTS
    reason = "ALREADY_VERIFIED_AS_OTHER"
    why = "the account belongs to another person already"

    def __init__(self, step: str = "account", **metadata: object) -> None:
        super().__init__(step, **metadata)


class CardMalformed(CheckFailed):
    """The number cannot be one of a bank card. Steps: length, checksum, bank."""

    kind = ErrorKind.INVALID
    reason = "CARD_MALFORMED"
    why = "the number cannot be one of a bank card"


class CardRefused(CheckFailed):
    """The bank does not confirm the card. Steps: card, resident_id, name, phone. Metadata: `bank_name`."""

    kind = ErrorKind.PRECONDITION
    reason = "CARD_REFUSED"
    why = "the bank does not confirm that the card is the person's"


class CardBankUnavailable(CheckFailed):
    """The bank gave no answer in time. Metadata: `bank_name`."""

    kind = ErrorKind.UNAVAILABLE
    reason = "CARD_BANK_UNAVAILABLE"
    why = "the bank gave no answer in time"
    counts = False
    retry_delay_ms = 2_000

    def __init__(self, step: str = "bank", **metadata: object) -> None:
        super().__init__(step, **metadata)
