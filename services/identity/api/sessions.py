"""The contract of sessions in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.identity.v1 import session_pb2
from hongbao.identity.v1.session_pb2_grpc import SessionServiceServicer
from services.identity.domain.people import AccountId, SessionId
from services.identity.domain.ports import VerifyingKey
from services.identity.domain.sessions.errors import RefreshTokenReused
from services.identity.domain.sessions.login import Login, Revocations
from services.identity.domain.sessions.session import Session
from services.mesh.clock import Clock
from services.mesh.feed.producer import check_cursor
from services.mesh.logs import get_logger
from services.mesh.timestamps import timestamp

_log = get_logger("identity.sessions")

SILENCE_S_MAX = 1.0
"""Longest time without a message while somebody follows revocations: who hears less is cut off."""
_MOMENT_S = 0.001


class RevocationList(Protocol):
    """Revocations in order."""

    async def last_seq(self) -> int:
        """Number of the newest one that there ever was."""
        ...

    async def read(self, after_seq: int, limit: int, now_ms: int) -> Revocations:
        """Those above a number whose tokens may be alive, `limit` at most."""
        ...

    async def wait_beyond(self, seq: int, timeout_s: float) -> None:
        """Returns when there may be one above `seq`, at the latest after the time."""
        ...


class SessionApi(SessionServiceServicer):
    """Serves `hongbao.identity.v1.SessionService`."""

    def __init__(
        self,
        login: Login,
        revocations: RevocationList,
        keys: Sequence[VerifyingKey],
        clock: Clock,
        *,
        batch: int,
        poll_s: float,
    ) -> None:
        self._login = login
        self._revocations = revocations
        self._key_set = session_pb2.GetKeySetResponse(key_set_json=_key_set(keys))
        self._clock = clock
        self._batch = batch
        self._poll_s = poll_s

    async def RefreshToken(
        self, request: session_pb2.RefreshTokenRequest, _context: Any
    ) -> session_pb2.RefreshTokenResponse:
        """See the contract."""
        try:
            tokens = await self._login.refresh(request.refresh_token, request.request_id)
        except RefreshTokenReused as reuse:
            # Somebody may have stolen it; the session's number names nobody.
            _log.warning("a refresh token came a second time", session_id=reuse.metadata["session_id"])
            raise
        return session_pb2.RefreshTokenResponse(
            access_token=tokens.access,
            expires_at=Timestamp(seconds=tokens.access_expires_s),
            refresh_token=tokens.refresh,
            refresh_expires_at=timestamp(tokens.refresh_expires_ms),
            session_id=tokens.session_id,
        )

    async def RevokeSession(
        self, request: session_pb2.RevokeSessionRequest, _context: Any
    ) -> session_pb2.RevokeSessionResponse:
        """See the contract."""
        await self._login.revoke(AccountId(request.account_id), SessionId(request.session_id))
        return session_pb2.RevokeSessionResponse()

    async def RevokeAllSessions(
        self, request: session_pb2.RevokeAllSessionsRequest, _context: Any
    ) -> session_pb2.RevokeAllSessionsResponse:
        """See the contract."""
        kept_id = SessionId(request.kept_session_id) if request.kept_session_id else None
        count = await self._login.revoke_all(AccountId(request.account_id), kept_id)
        return session_pb2.RevokeAllSessionsResponse(session_count=count)

    async def ListSessions(
        self, request: session_pb2.ListSessionsRequest, _context: Any
    ) -> session_pb2.ListSessionsResponse:
        """See the contract."""
        found, next_page_token = await self._login.listed(
            AccountId(request.account_id), request.page_size, request.page_token
        )
        return session_pb2.ListSessionsResponse(
            sessions=map(_session, found), next_page_token=next_page_token
        )

    async def WatchRevocations(
        self, request: session_pb2.WatchRevocationsRequest, _context: Any
    ) -> AsyncGenerator[session_pb2.WatchRevocationsResponse, None]:
        """See the contract."""
        after_seq = request.after_seq
        check_cursor(0, after_seq, await self._revocations.last_seq())
        said_s = float("-inf")
        while True:
            found = await self._revocations.read(after_seq, self._batch, self._clock.now_ms())
            now_s = self._clock.monotonic_s()
            # A moment early rather than a rest so short that a clock of floats never passes it.
            if found.last_seq > after_seq or said_s + SILENCE_S_MAX - now_s < _MOMENT_S:
                yield _told(found)
                after_seq, said_s = found.last_seq, now_s
            if found.complete:
                to_sign_s = said_s + SILENCE_S_MAX - now_s
                await self._revocations.wait_beyond(after_seq, min(self._poll_s, to_sign_s))

    async def GetKeySet(
        self, _request: session_pb2.GetKeySetRequest, _context: Any
    ) -> session_pb2.GetKeySetResponse:
        """See the contract."""
        return self._key_set


def _session(session: Session) -> session_pb2.Session:
    return session_pb2.Session(
        session_id=session.session_id,
        opened_at=timestamp(session.opened_ms),
        refreshed_at=timestamp(session.refreshed_ms),
        ends_at=timestamp(session.ends_ms),
    )


def _told(found: Revocations) -> session_pb2.WatchRevocationsResponse:
    told = session_pb2.WatchRevocationsResponse(last_seq=found.last_seq, complete=found.complete)
    for entry in found.entries:
        told.revocations.add(session_id=entry.session_id, ends_at=timestamp(entry.ends_ms))
    return told


def _key_set(keys: Sequence[VerifyingKey]) -> str:
    """A JSON Web Key Set: RFC 7517, for Ed25519 RFC 8037."""
    described = [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "kid": key.key_id,
            "x": base64.urlsafe_b64encode(key.raw).rstrip(b"=").decode(),
            "use": "sig",
            "alg": "EdDSA",
        }
        for key in keys
    ]
    return json.dumps({"keys": described})
