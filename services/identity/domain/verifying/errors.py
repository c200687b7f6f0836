"""Errors of verification step by step."""

from __future__ import annotations

from services.identity.domain import guidance
from services.identity.domain.errors import CheckFailed, IdentityError
from services.mesh.errors import ErrorKind
from services.mesh.language import Language, sentence


class VerificationUnknown(IdentityError):
    """The account has no application with this number."""

    kind = ErrorKind.NOT_FOUND
    reason = "VERIFICATION_UNKNOWN"
    localized = sentence("没有这份认证申请，请核对。", "There is no such application: please check.")

    def __init__(self, account_id: int, verification_id: int) -> None:
        super().__init__(
            f"account {account_id} has no application {verification_id}",
            account_id=account_id,
            verification_id=verification_id,
        )


class VerificationEnded(IdentityError):
    """The application is over."""

    kind = ErrorKind.PRECONDITION
    reason = "VERIFICATION_ENDED"
    localized = sentence("这份认证申请已结束。", "This application is over: look at its outcome.")

    def __init__(self, verification_id: int, state: str) -> None:
        super().__init__(
            f"application {verification_id} is over ({state})", verification_id=verification_id, state=state
        )


class VerificationUnderWay(IdentityError):
    """The application is being checked: its evidence cannot change now."""

    kind = ErrorKind.PRECONDITION
    reason = "VERIFICATION_UNDER_WAY"
    localized = sentence(
        "正在核验，请等待结果后再修改。", "Your data is being checked: wait for the outcome first."
    )

    def __init__(self, verification_id: int) -> None:
        super().__init__(f"application {verification_id} is being checked", verification_id=verification_id)


class VerificationIncomplete(IdentityError):
    """Steps have no evidence, or evidence that was refused already."""

    kind = ErrorKind.PRECONDITION
    reason = "VERIFICATION_INCOMPLETE"
    localized = sentence(
        "还有材料没有补齐，请按提示逐项填写。", "Something is missing: complete every step first."
    )

    def __init__(self, verification_id: int, missing: str) -> None:
        super().__init__(
            f"application {verification_id} still needs {missing}",
            verification_id=verification_id,
            missing=missing,
        )


class StepNotAsked(IdentityError):
    """The application does not ask for this, or not any more."""

    kind = ErrorKind.PRECONDITION
    reason = "STEP_NOT_ASKED"
    localized = sentence("不需要这项材料，或者已经通过。", "This is not needed, or it has passed already.")

    def __init__(self, verification_id: int, step: str) -> None:
        super().__init__(
            f"application {verification_id} does not ask for {step}",
            verification_id=verification_id,
            step=step,
        )


class LevelReached(IdentityError):
    """The person has the level already."""

    kind = ErrorKind.PRECONDITION
    reason = "LEVEL_REACHED"
    localized = sentence("您已经达到这一认证等级。", "You have reached this level already.")

    def __init__(self, account_id: int, tier: int) -> None:
        super().__init__(
            f"the person of account {account_id} has tier {tier}", account_id=account_id, tier=tier
        )


class VerificationLimitReached(IdentityError):
    """Too many applications of the account, or too much evidence replaced."""

    kind = ErrorKind.EXHAUSTED
    reason = "VERIFICATION_LIMIT_REACHED"
    localized = guidance.advice(reason)

    def __init__(self, account_id: int, limit: int, counted: str, *, language: Language) -> None:
        super().__init__(
            f"account {account_id} has reached its limit of {limit} {counted}",
            account_id=account_id,
            limit=limit,
            counted=counted,
            next_step=self.localized[language],
        )


class PhotoRefused(CheckFailed):
    """The photo is of no use. Steps: type, header, too_small, too_large."""

    kind = ErrorKind.INVALID
    reason = "PHOTO_REFUSED"
    why = "the photo is of no use"


class CheckUnknown(IdentityError):
    """No provider was asked under this reference."""

    kind = ErrorKind.NOT_FOUND
    reason = "CHECK_UNKNOWN"

    def __init__(self, reference: str) -> None:
        super().__init__(f"nobody was asked under {reference}", provider_reference=reference)


class CheckResultUnfit(IdentityError):
    """The result answers another kind of question."""

    kind = ErrorKind.INVALID
    reason = "CHECK_RESULT_UNFIT"

    def __init__(self, reference: str, result: str) -> None:
        super().__init__(f"{result} is no answer to {reference}", provider_reference=reference, result=result)


class CheckContradicted(IdentityError):
    """The provider has said otherwise before."""

    kind = ErrorKind.PRECONDITION
    reason = "CHECK_CONTRADICTED"

    def __init__(self, reference: str, result: str) -> None:
        super().__init__(
            f"{reference} was answered {result} before", provider_reference=reference, result=result
        )


class ObjectStoreUnavailable(IdentityError):
    """Photos cannot be kept, or read, at the moment."""

    kind = ErrorKind.UNAVAILABLE
    reason = "OBJECT_STORE_UNAVAILABLE"
    retry_delay_ms = 2_000
    localized = sentence("照片暂时无法保存，请稍后重试。", "Photos cannot be kept at the moment: try again.")

    def __init__(self) -> None:
        super().__init__("photos cannot be kept or read at the moment")
