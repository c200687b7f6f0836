"""Errors of the contracts of credit: reasons 60 to 79 of `hongbao.identity.v1.ErrorReason`."""

from __future__ import annotations

from typing import ClassVar

from services.identity.domain.errors import IdentityError
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class CreditError(IdentityError):
    """An error of credit: its message stands beside its class, its values come with it."""

    why: ClassVar[str] = "refused"

    def __init__(self, *, retry_delay_ms: int | None = None, **metadata: object) -> None:
        super().__init__(self.why, retry_delay_ms=retry_delay_ms, **metadata)


class CreditPersonUnknown(CreditError):
    """There is no such person. Metadata: `person_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "CREDIT_PERSON_UNKNOWN"
    why = "there is no such person"
    localized = sentence("没有这个用户，请重新登录。", "There is no such person: please log in again.")


class CreditNeedsVerifiedPerson(CreditError):
    """Nobody is verified behind the person yet. Metadata: `person_id`."""

    kind = ErrorKind.PRECONDITION
    reason = "CREDIT_NEEDS_VERIFIED_PERSON"
    why = "nobody is verified behind this person"
    localized = sentence(
        "请先完成实名认证，再授权他人查询。", "Verify your name first: then you can let others ask about you."
    )


class PartnerUnknown(CreditError):
    """There is no such partner. Metadata: `partner_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "PARTNER_UNKNOWN"
    why = "there is no such partner"
    localized = sentence("没有这家机构，请核对编号。", "There is no such partner: please check its number.")


class PartnerSecretWrong(CreditError):
    """The secret is not the partner's. Metadata: `partner_id`."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "PARTNER_SECRET_WRONG"
    why = "this is not the partner's secret"


class PartnerSuspended(CreditError):
    """The partner may not ask about anybody now. Metadata: `partner_id`."""

    kind = ErrorKind.PRECONDITION
    reason = "PARTNER_SUSPENDED"
    why = "the partner is suspended"
    localized = sentence("该机构已被暂停查询，暂时不能授权。", "This partner is suspended: it may not ask.")


class PartnerNotLender(CreditError):
    """Only lenders may ask for loans or report them. Metadata: `partner_id`."""

    kind = ErrorKind.PRECONDITION
    reason = "PARTNER_NOT_LENDER"
    why = "the partner is no lender"
    localized = sentence("只有贷款机构可以查询借款。", "Only lenders may be told of your loans.")


class ConsentMissing(CreditError):
    """The person has not consented to this, or not any more. Metadata: `person_id`, `scope`."""

    kind = ErrorKind.DENIED
    reason = "CONSENT_MISSING"
    why = "the person has not consented to this"


class ConsentUnknown(CreditError):
    """The person never gave this consent. Metadata: `consent_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "CONSENT_UNKNOWN"
    why = "the person never gave this consent"
    localized = sentence("没有这项授权。", "You have not given this consent.")


class ConsentLimitReached(CreditError):
    """The person has given as many consents as one may have. Metadata: `limit`."""

    kind = ErrorKind.PRECONDITION
    reason = "CONSENT_LIMIT_REACHED"
    why = "the person has too many consents"
    localized = sentence(
        "授权数量已达上限，请先取消不再需要的授权。",
        "You have given as many consents as one may have: withdraw some, or wait a day.",
    )


class ConsentEndInvalid(CreditError):
    """A consent ends in the future, and not too late. Metadata: `days_max`."""

    kind = ErrorKind.INVALID
    reason = "CONSENT_END_INVALID"
    why = "a consent ends in the future, and not too late"
    localized = sentence(
        "请选择有效的授权截止日期，最长约一年。",
        "Choose an end in the future, at most about a year away.",
    )


class QueryLimitReached(CreditError):
    """The partner has asked too much today. Metadata: `partner_id`, `limit`, `window_s`."""

    kind = ErrorKind.EXHAUSTED
    reason = "QUERY_LIMIT_REACHED"
    why = "the partner has asked as much as it may in a day"


class LoanUnknown(CreditError):
    """The partner has reported no such loan. Metadata: `loan_number`."""

    kind = ErrorKind.NOT_FOUND
    reason = "LOAN_UNKNOWN"
    why = "the partner has reported no such loan"


class LoanConflict(CreditError):
    """The number stands for another loan. Metadata: `loan_number`."""

    kind = ErrorKind.EXISTS
    reason = "LOAN_CONFLICT"
    why = "the number stands for another loan"


class LoanClosed(CreditError):
    """The loan has ended. Metadata: `loan_number`, `state`."""

    kind = ErrorKind.PRECONDITION
    reason = "LOAN_CLOSED"
    why = "the loan has ended"


class LoanOverpaid(CreditError):
    """More would be paid back than is owed. Metadata: `loan_number`, `owed_fen`."""

    kind = ErrorKind.INVALID
    reason = "LOAN_OVERPAID"
    why = "this is more than is owed"


class LoanLimitReached(CreditError):
    """The partner has too many loans open with the person. Metadata: `limit`."""

    kind = ErrorKind.PRECONDITION
    reason = "LOAN_LIMIT_REACHED"
    why = "the partner has too many loans open with the person"


class RepaymentConflict(CreditError):
    """The number stands for a repayment of another amount. Metadata: `loan_number`, `repayment_number`."""

    kind = ErrorKind.EXISTS
    reason = "REPAYMENT_CONFLICT"
    why = "the number stands for a repayment of another amount"


class ConductConflict(CreditError):
    """The id stands for something else. Metadata: `conduct_id`."""

    kind = ErrorKind.EXISTS
    reason = "CONDUCT_CONFLICT"
    why = "the id stands for something else that somebody did"
