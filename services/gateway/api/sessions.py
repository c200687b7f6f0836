"""How the caller's logins go on, and how they end."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import session_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.errors import TokenMalformed
from services.gateway.domain.ports import Tokens
from services.gateway.domain.sessions import Sessions


class SessionServicer(session_pb2_grpc.SessionServiceServicer):
    """The sessions of the caller's account."""

    def __init__(self, tokens: Tokens, sessions: Sessions, others: Bulkhead) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._others = others

    async def RefreshToken(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - the refresh token says who calls
        """See the contract."""
        with self._others.entered():
            return await self._sessions.refresh(request)

    async def RevokeSession(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        session_id = request.session_id or caller.session_id
        if not session_id:
            raise TokenMalformed("the token names no session that could be ended", defect="claims")
        with self._others.entered():
            return await self._sessions.revoke(caller.account_id, session_id)

    async def RevokeAllSessions(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        kept_session_id = caller.session_id if request.keeps_current else 0
        with self._others.entered():
            return await self._sessions.revoke_all(caller.account_id, kept_session_id)

    async def ListSessions(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._sessions.list_of_account(caller.account_id, caller.session_id, request)
