"""Logging in, staying in, and being put out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.identity.domain import pages
from services.identity.domain.people import Account, AccountId, Bearer, PersonId, SessionId
from services.identity.domain.ports import AccountStore, DrawBits, TokenSigner, WallClock
from services.identity.domain.registration import Registration, draw_id
from services.identity.domain.sessions import refresh_token
from services.identity.domain.sessions.errors import RefreshTokenInvalid, RefreshTokenReused
from services.identity.domain.sessions.session import (
    Ending,
    Session,
    SessionTerms,
    open_session,
    refresh,
)
from services.mesh.pages import Listing

Change = Callable[[Session], Session]
"""What becomes of a session. Pure; it may run twice, and what it raises changes nothing."""
Position = tuple[int, SessionId]
"""Where a list of sessions goes on: after the session opened then with that number."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revoked session whose access tokens may be alive."""

    session_id: SessionId
    ends_ms: int
    """When the last of them ends."""


@dataclass(frozen=True, slots=True)
class Revocations:
    """Some of the revocations in order."""

    last_seq: int
    """Nothing up to here is missing."""
    entries: Sequence[Revocation]
    complete: bool
    """Whether there are no more."""


class SessionStore(Protocol):
    """Keeps sessions. What is written is atomic and durable on return."""

    async def open(self, session: Session, sessions_max: int) -> None:
        """Keeps a new session; of too many open ones those refreshed longest ago are revoked.

        Raises `AccountUnknown`, and `AccountErased` when the account was erased at the same moment.
        """
        ...

    async def change(self, session_id: SessionId, change: Change) -> Session | None:
        """Does something to a session that is held meanwhile; None if there is none.

        One that `change` has revoked is told to the followers of revocations in the same transaction.
        """
        ...

    async def revoke(self, account_id: AccountId, session_id: SessionId, ending: Ending, now_ms: int) -> None:
        """Revokes a session of the account, once. Raises `SessionUnknown`."""
        ...

    async def revoke_all(
        self, account_id: AccountId, kept_id: SessionId | None, ending: Ending, now_ms: int
    ) -> int:
        """Revokes the account's open sessions, or all but one; how many."""
        ...

    async def listed(
        self, account_id: AccountId, before: Position | None, limit: int, now_ms: int
    ) -> Sequence[Session]:
        """The account's open sessions, the newest first."""
        ...

    async def purge(self, now_ms: int, limit: int) -> int:
        """Forgets what nobody can ask for any more, `limit` sessions at most; how many."""
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an app gets."""

    session_id: SessionId
    access: str = field(repr=False)
    access_expires_s: int
    """Seconds since the Unix epoch."""
    refresh: str = field(repr=False)
    refresh_expires_ms: int


class Login:
    """Opens sessions for who has the login secret, and lets them go on for who has the refresh token."""

    def __init__(
        self,
        registration: Registration,
        accounts: AccountStore,
        sessions: SessionStore,
        signer: TokenSigner,
        clock: WallClock,
        draw_bits: DrawBits,
        refresh_key: bytes,
        terms: SessionTerms,
    ) -> None:
        self._registration = registration
        self._accounts = accounts
        self._sessions = sessions
        self._signer = signer
        self._clock = clock
        self._draw_bits = draw_bits
        self._refresh_key = refresh_key
        self._terms = terms

    async def issue(self, account_id: AccountId, login_secret: str) -> Tokens:
        """Opens a session for the account's person: the verified one, or else a provisional one.

        Raises `AccountUnknown`, `SecretWrong`, `AccountErased`.
        """
        account = await self._registration.owned(account_id, login_secret)
        bearer = await self._bearer(account)
        now_ms = self._clock.now_ms()
        salt = self._draw_bits(8 * refresh_token.SALT_BYTES).to_bytes(refresh_token.SALT_BYTES, "big")
        session_id = SessionId(draw_id(self._draw_bits))
        session = open_session(session_id, account_id, salt, now_ms, self._terms)
        await self._sessions.open(session, self._terms.sessions_max)
        return self._tokens(session, bearer, now_ms)

    async def refresh(self, text: str, request_id: str) -> Tokens:
        """The next tokens of a session.

        Raises `RefreshTokenInvalid`, `RefreshTokenExpired`, `RefreshTokenReused`, `SessionRevoked`.
        """
        token = refresh_token.parse(text)
        if token is None:
            raise RefreshTokenInvalid
        request = hashlib.sha256(request_id.lower().encode()).digest()
        now_ms = self._clock.now_ms()

        def change(session: Session) -> Session:
            # Before anything else: whoever has no token of the session learns nothing, and ends nothing.
            if not refresh_token.is_genuine(token, self._refresh_key, session.salt):
                raise RefreshTokenInvalid
            return refresh(session, token.number, request, now_ms, self._terms)

        session = await self._sessions.change(token.session_id, change)
        if session is None:
            raise RefreshTokenInvalid
        if session.ending is Ending.REUSED:
            raise RefreshTokenReused(session.session_id)
        account = await self._registration.account(session.account_id)
        return self._tokens(session, await self._bearer(account), now_ms)

    async def revoke(self, account_id: AccountId, session_id: SessionId) -> None:
        """Ends a session of the account. Raises `SessionUnknown`."""
        await self._sessions.revoke(account_id, session_id, Ending.BY_OWNER, self._clock.now_ms())

    async def revoke_all(self, account_id: AccountId, kept_id: SessionId | None) -> int:
        """Ends the account's sessions, or all but one; how many."""
        return await self._sessions.revoke_all(account_id, kept_id, Ending.BY_OWNER, self._clock.now_ms())

    async def listed(
        self, account_id: AccountId, page_size: int, page_token: str
    ) -> tuple[Sequence[Session], str]:
        """The account's open sessions, and the token of the next page. Raises `PageTokenInvalid`."""
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        of_list = Listing("sessions", account_id)
        before = _position(of_list, page_token)
        found = await self._sessions.listed(account_id, before, size + 1, self._clock.now_ms())
        if len(found) <= size:
            return found, ""
        last = found[size - 1]
        return found[:size], of_list.token(last.opened_ms, last.session_id)

    async def _bearer(self, account: Account) -> Bearer:
        if account.bearer is not None:
            return account.bearer
        provisional_id = PersonId(draw_id(self._draw_bits))
        return await self._accounts.bearer(account.account_id, provisional_id, self._clock.now_ms())

    def _tokens(self, session: Session, bearer: Bearer, now_ms: int) -> Tokens:
        access_ends_ms = self._terms.access_ends_ms(now_ms)
        assert access_ends_ms <= session.access_ends_ms, "no token outlives what is remembered of its session"
        access = self._signer.sign(
            session.account_id, bearer, session.session_id, now_ms // 1000, access_ends_ms // 1000
        )
        text = refresh_token.make(self._refresh_key, session.session_id, session.salt, session.number)
        return Tokens(session.session_id, access, access_ends_ms // 1000, text, session.ends_ms)


def _position(of_list: Listing, page_token: str) -> Position | None:
    last = pages.last_of(of_list, page_token, 2)
    if last is None:
        return None
    opened_ms, session_id = last
    return opened_ms, SessionId(session_id)
