"""Why a session does not go on."""

from __future__ import annotations

from services.identity.domain.errors import IdentityError
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence

_LOGIN_AGAIN = sentence("登录已失效，请重新登录。", "Your login is not valid any more: please log in again.")


class RefreshTokenInvalid(IdentityError):
    """What was brought is no refresh token, or its session is not known any more."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "REFRESH_TOKEN_INVALID"
    localized = _LOGIN_AGAIN

    def __init__(self) -> None:
        super().__init__("this is no refresh token of a known session")


class RefreshTokenExpired(IdentityError):
    """The time of the refresh token, or that of its session, is over."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "REFRESH_TOKEN_EXPIRED"
    localized = sentence("登录已过期，请重新登录。", "Your login has expired: please log in again.")

    def __init__(self, session_id: int, expired_at_ms: int) -> None:
        super().__init__("the refresh token has expired", session_id=session_id, expired_at_ms=expired_at_ms)


class RefreshTokenReused(IdentityError):
    """The refresh token was used before: two have it, so the session has been ended for both."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "REFRESH_TOKEN_REUSED"
    localized = sentence(
        "为保护您的账户，这次登录已被结束，请重新登录。",
        "To protect your account this login was ended: please log in again.",
    )

    def __init__(self, session_id: int) -> None:
        super().__init__("the refresh token was used before; its session is revoked", session_id=session_id)


class SessionRevoked(IdentityError):
    """The session was revoked."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "SESSION_REVOKED"
    localized = _LOGIN_AGAIN

    def __init__(self, session_id: int) -> None:
        super().__init__("the session was revoked", session_id=session_id)


class SessionUnknown(IdentityError):
    """The account has no session with this number, or not any more."""

    kind = ErrorKind.NOT_FOUND
    reason = "SESSION_UNKNOWN"
    localized = sentence("没有这个登录，请刷新列表。", "There is no such login: please open the list again.")

    def __init__(self, account_id: int, session_id: int) -> None:
        super().__init__(
            f"account {account_id} has no session {session_id}", account_id=account_id, session_id=session_id
        )
