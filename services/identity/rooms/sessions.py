"""How logins go on, and how they end."""

from __future__ import annotations

from hongbao.identity.v1.session_pb2_grpc import add_SessionServiceServicer_to_server
from services.identity.adapters.holdings_of_accounts import session_holding
from services.identity.api.sessions import SessionApi
from services.identity.rooms.chores import come_round
from services.identity.rooms.grounds import Grounds
from services.mesh.room import Room
from services.mesh.server import Service


def sessions(on: Grounds) -> Room:
    """The room of sessions."""
    settings, clock = on.settings, on.clock
    on.holdings.append(session_holding(on.sessions, on.revocations))
    api = SessionApi(
        on.login,
        on.revocations,
        on.signer.verifying_keys,
        clock,
        batch=settings.identity_revocation_batch,
        poll_s=settings.identity_revocation_poll_ms / 1000,
    )

    async def forget() -> int:
        limit, now_ms = settings.identity_chores_batch, clock.now_ms()
        return await on.revocations.forget(now_ms, limit) + await on.sessions.purge(now_ms, limit)

    name = "forget ended sessions"
    return Room(
        (Service("hongbao.identity.v1.SessionService", api, add_SessionServiceServicer_to_server),),
        {name: lambda: come_round(name, clock, settings.identity_chores_pause_s, forget)},
    )
