"""Logins from the app to identity's tables: revocations in time, and keys that change under load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path

import jwt
import pytest

from hongbao.gateway.v1 import session_pb2
from services.mesh.errors import ServiceError
from tests.integration.login_mesh import REPLICAS, App, LoginMesh, comes_true

SEEN_WITHIN_S = 5.0
"""What the issue asks for."""


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[LoginMesh]:
    async with LoginMesh(tmp_path) as mesh:
        yield mesh


async def test_a_session_ended_at_any_replica_is_over_at_the_gateway_within_seconds(mesh: LoginMesh) -> None:
    took_s = []
    # Calls go to the replicas in turn, and the gateway follows only one of them.
    for _ in range(4):
        here = await mesh.app()
        there = App(here.accounts, here.sessions, here.account_id, here.secret)
        await there.sign_in()
        assert len((await there.look()).sessions) == 2
        request = session_pb2.RevokeSessionRequest(session_id=there.tokens.session_id)
        await here.sessions.RevokeSession(request, metadata=here.credentials())
        took_s.append(await comes_true(partial(_is_revoked, there)))
        assert len((await here.look()).sessions) == 1
        with pytest.raises(ServiceError, match="SESSION_REVOKED"):
            await there.refresh()
    # The machine may be busy with something else, but not all the time.
    assert sorted(took_s)[1] < SEEN_WITHIN_S


async def test_revocations_are_seen_when_the_replica_that_was_followed_is_gone(mesh: LoginMesh) -> None:
    app = await mesh.app()
    await mesh.stop_replica(REPLICAS[0])
    await app.sessions.RevokeAllSessions(session_pb2.RevokeAllSessionsRequest(), metadata=app.credentials())
    await comes_true(partial(_is_revoked, app))
    await mesh.start_replica(REPLICAS[0])
    await mesh.stop_replica(REPLICAS[1])
    other = await mesh.app()
    await other.sessions.RevokeSession(session_pb2.RevokeSessionRequest(), metadata=other.credentials())
    await comes_true(partial(_is_revoked, other))


async def test_signing_keys_change_under_load_without_a_single_error(mesh: LoginMesh) -> None:
    apps = [await mesh.app() for _ in range(4)]
    seen: set[str] = set()
    is_over = asyncio.Event()

    async def live(app: App) -> None:
        """Signs in, refreshes and looks, and does not forgive a refused token."""
        while not is_over.is_set():
            await app.sign_in()
            await app.refresh()
            seen.add(jwt.get_unverified_header(app.tokens.access_token)["kid"])
            await app.look()

    lives = [asyncio.create_task(live(app)) for app in apps]
    try:
        for name in REPLICAS:
            await mesh.stop_replica(name)
            # The gateway has known the new key for as long as it runs, and never asks for it.
            await mesh.start_replica(name, identity_token_generation=2)
            before = {app.tokens.access_token for app in apps}
            await comes_true(partial(_all_have_others, apps, before))
    finally:
        is_over.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*lives)
    assert len(seen) == 2, "tokens of both keys were met"


async def _all_have_others(apps: Sequence[App], before: AbstractSet[str]) -> bool:
    return all(app.tokens.access_token not in before for app in apps)


async def _is_revoked(app: App) -> bool:
    try:
        await app.look()
    except ServiceError as error:
        if error.reason != "TOKEN_REVOKED":
            raise
        return True
    return False
