"""Errors of erasure."""

from __future__ import annotations

from services.identity.domain.errors import IdentityError
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class AccountErased(IdentityError):
    """The account ended when its data was erased."""

    kind = ErrorKind.PRECONDITION
    reason = "ACCOUNT_ERASED"
    localized = sentence(
        "该账户已按您的申请注销，个人信息已删除；如需使用，请重新注册。",
        "This account was closed and its data erased, as you asked: to come back, register again.",
    )

    def __init__(self, account_id: int) -> None:
        super().__init__(f"account {account_id} was erased", account_id=account_id)


class ErasureUnknown(IdentityError):
    """Nobody has asked for the erasure of the account."""

    kind = ErrorKind.NOT_FOUND
    reason = "ERASURE_UNKNOWN"
    localized = sentence(
        "该账户没有提交过删除个人信息的申请。", "Nobody has asked to erase the data of this account."
    )

    def __init__(self, account_id: int) -> None:
        super().__init__(f"nobody has asked for the erasure of account {account_id}", account_id=account_id)
