"""A session from its first tokens to its end. Pure: what is decided here is kept under the session's lock."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from services.identity.domain.people import AccountId, SessionId
from services.identity.domain.sessions.errors import RefreshTokenExpired, RefreshTokenInvalid, SessionRevoked


class Ending(enum.IntEnum):
    """Why a session was revoked. Values stay."""

    BY_OWNER = 1
    REUSED = 2
    """A refresh token came a second time."""
    TOO_MANY = 3
    """The account opened more sessions than it may have, and this one was refreshed longest ago."""
    ERASED = 4
    """The account's data was erased."""


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """How long things last."""

    access_s: int
    """Life of an access token."""
    refresh_s: int
    """Life of a refresh token, unless its session ends before."""
    session_s: int
    """Life of a session, however often it is refreshed."""
    grace_s: int
    """Time in which a refresh can be repeated after a lost answer."""
    sessions_max: int
    """Open sessions of an account."""

    def access_ends_ms(self, now_ms: int) -> int:
        """When an access token ends that is signed now: in whole seconds, as tokens say it."""
        return 1000 * (now_ms // 1000 + self.access_s)

    def refresh_ends_ms(self, opened_ms: int, now_ms: int) -> int:
        """When a refresh token ends that is made now."""
        return min(now_ms + 1000 * self.refresh_s, opened_ms + 1000 * self.session_s)


@dataclass(frozen=True, slots=True)
class Session:
    """What is kept of a session."""

    session_id: SessionId
    account_id: AccountId
    salt: bytes = field(repr=False)
    opened_ms: int
    refreshed_ms: int
    """When its newest refresh token was made."""
    ends_ms: int
    """When that one ends."""
    access_ends_ms: int
    """When the last of its access tokens ends: a revocation has to be remembered until then."""
    number: int = 1
    """Number of its newest refresh token."""
    made_for: bytes | None = field(default=None, repr=False)
    """Hash of the request that this one was made for; None for the first one."""
    revoked_ms: int | None = None
    ending: Ending | None = None

    def __post_init__(self) -> None:
        """A revoked session says why, and no other does."""
        assert (self.revoked_ms is None) == (self.ending is None), "who revokes says why"
        assert self.number >= 1, "tokens are numbered from 1"

    def is_open(self, now_ms: int) -> bool:
        """Whether it can be refreshed."""
        return self.revoked_ms is None and now_ms < self.ends_ms

    def revoked(self, ending: Ending, now_ms: int) -> Session:
        """Ended for good; what has ended stays as it is."""
        if self.revoked_ms is not None:
            return self
        # Of those that made room nobody is told later: else whoever logs in again and again fills the table.
        ends_ms = min(self.ends_ms, now_ms) if ending is Ending.TOO_MANY else self.ends_ms
        return replace(self, revoked_ms=now_ms, ending=ending, ends_ms=ends_ms)


def open_session(
    session_id: SessionId, account_id: AccountId, salt: bytes, now_ms: int, terms: SessionTerms
) -> Session:
    """A new session with its first tokens."""
    return Session(
        session_id=session_id,
        account_id=account_id,
        salt=salt,
        opened_ms=now_ms,
        refreshed_ms=now_ms,
        ends_ms=terms.refresh_ends_ms(now_ms, now_ms),
        access_ends_ms=terms.access_ends_ms(now_ms),
    )


def refresh(session: Session, number: int, request: bytes, now_ms: int, terms: SessionTerms) -> Session:
    """What a genuine refresh token with this number does to its session.

    Its newest token makes the next one. The one before it, brought again by the request that used it and soon
    enough, changes nothing but that another access token is signed: the answer was lost. Any other has been
    used by somebody else, and the session is revoked; see `Session.ending`.
    Raises `SessionRevoked`, `RefreshTokenExpired`, `RefreshTokenInvalid`.
    """
    if session.revoked_ms is not None:
        raise SessionRevoked(session.session_id)
    if now_ms >= session.ends_ms:
        raise RefreshTokenExpired(session.session_id, session.ends_ms)
    if number > session.number or number < 1:
        # Only a database that lost what it had promised knows of fewer.
        raise RefreshTokenInvalid
    access_ends_ms = max(session.access_ends_ms, terms.access_ends_ms(now_ms))
    if number == session.number:
        return replace(
            session,
            number=number + 1,
            made_for=request,
            refreshed_ms=now_ms,
            ends_ms=terms.refresh_ends_ms(session.opened_ms, now_ms),
            access_ends_ms=access_ends_ms,
        )
    is_repeat = number == session.number - 1 and request == session.made_for
    if is_repeat and now_ms - session.refreshed_ms <= 1000 * terms.grace_s:
        return replace(session, access_ends_ms=access_ends_ms)
    return session.revoked(Ending.REUSED, now_ms)
