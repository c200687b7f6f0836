"""Identity's sessions behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import session_pb2 as pb
from hongbao.identity.v1 import session_pb2, session_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding

_SERVICE = "identity"


class SessionClient:
    """Sessions of accounts. Raises identity's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def refresh(self, request: Any) -> Any:
        """See `SessionService.RefreshToken`."""
        asked = session_pb2.RefreshTokenRequest(
            refresh_token=request.refresh_token, request_id=request.request_id
        )
        answer = await self._call("RefreshToken", asked)
        return pb.RefreshTokenResponse(
            access_token=answer.access_token,
            expires_at=answer.expires_at,
            refresh_token=answer.refresh_token,
            refresh_expires_at=answer.refresh_expires_at,
            session_id=answer.session_id,
        )

    async def revoke(self, account_id: int, session_id: int) -> Any:
        """See `SessionService.RevokeSession`."""
        asked = session_pb2.RevokeSessionRequest(account_id=account_id, session_id=session_id)
        await self._call("RevokeSession", asked)
        return pb.RevokeSessionResponse()

    async def revoke_all(self, account_id: int, kept_session_id: int) -> Any:
        """See `SessionService.RevokeAllSessions`."""
        asked = session_pb2.RevokeAllSessionsRequest(account_id=account_id, kept_session_id=kept_session_id)
        answer = await self._call("RevokeAllSessions", asked)
        return pb.RevokeAllSessionsResponse(session_count=answer.session_count)

    async def list_of_account(self, account_id: int, current_id: int, request: Any) -> Any:
        """See `SessionService.ListSessions`."""
        asked = session_pb2.ListSessionsRequest(
            account_id=account_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListSessions", asked)
        sessions = [
            pb.Session(
                session_id=found.session_id,
                opened_at=found.opened_at,
                refreshed_at=found.refreshed_at,
                ends_at=found.ends_at,
                is_current=found.session_id == current_id,
            )
            for found in answer.sessions
        ]
        return pb.ListSessionsResponse(sessions=sessions, next_page_token=answer.next_page_token)

    async def _call(self, method: str, request: Any) -> Any:
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(session_pb2_grpc.SessionServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )
