"""Tokens whose sessions are ended, at a gateway that has seen them before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hongbao.allocation.v1 import allocation_pb2
from services.mesh.errors import ServiceError
from tests.integration.gateway_mesh import GatewayMesh, people_of, session_of

PERSON, OTHER = people_of(0, 2)


@pytest.fixture
async def mesh() -> AsyncIterator[GatewayMesh]:
    async with GatewayMesh() as mesh:
        await _taps_answered_on_the_spot(mesh)
        yield mesh


async def test_a_token_seen_before_is_refused_as_soon_as_its_session_is_ended(mesh: GatewayMesh) -> None:
    header, other = f"Bearer {mesh.token(PERSON)}", f"Bearer {mesh.token(OTHER)}"
    await mesh.tap_with(header)
    await mesh.tap_with(other)
    mesh.sessions.revoke(session_of(PERSON))
    await mesh.settle()
    assert await _reason(mesh, header) == "TOKEN_REVOKED"
    await mesh.tap_with(other)
    await mesh.clock.advance(60.0)
    assert await _reason(mesh, header) == "TOKEN_REVOKED", "for as long as it lives"


async def test_a_token_never_seen_before_is_refused_when_its_session_was_ended(mesh: GatewayMesh) -> None:
    mesh.sessions.revoke(session_of(PERSON))
    await mesh.settle()
    assert await _reason(mesh, f"Bearer {mesh.token(PERSON)}") == "TOKEN_REVOKED"


async def test_a_gateway_that_starts_knows_the_sessions_that_were_ended_before() -> None:
    mesh = GatewayMesh()
    mesh.sessions.revoke(session_of(PERSON))
    async with mesh:
        await _taps_answered_on_the_spot(mesh)
        assert await _reason(mesh, f"Bearer {mesh.token(PERSON)}") == "TOKEN_REVOKED"


async def test_a_gateway_goes_on_where_it_was_when_identity_falls_silent(mesh: GatewayMesh) -> None:
    mesh.sessions.revoke(session_of(OTHER))
    await mesh.settle()
    mesh.sessions.is_silent = True
    await mesh.clock.advance(3.5)
    mesh.sessions.is_silent = False
    mesh.sessions.revoke(session_of(PERSON))
    for _ in range(30):
        await mesh.clock.advance(0.1)
        await mesh.settle()
    assert await _reason(mesh, f"Bearer {mesh.token(PERSON)}") == "TOKEN_REVOKED"
    assert mesh.sessions.followers[0] == 0
    assert set(mesh.sessions.followers[1:]) == {1}, "it asks for what it does not know"


async def test_a_revocation_is_seen_within_five_seconds_though_two_replicas_in_turn_are_frozen(
    mesh: GatewayMesh,
) -> None:
    header = f"Bearer {mesh.token(PERSON)}"
    await mesh.tap_with(header)
    mesh.sessions.frozen = frozenset({0, 1})
    mesh.sessions.revoke(session_of(PERSON))
    for _ in range(48):
        await mesh.clock.advance(0.1)
        await mesh.settle()
    assert len(mesh.sessions.followers) == 3
    assert await _reason(mesh, header) == "TOKEN_REVOKED"


async def test_a_token_from_before_there_were_sessions_is_good_until_it_expires(mesh: GatewayMesh) -> None:
    header = f"Bearer {mesh.token(PERSON, sid=None)}"
    mesh.sessions.revoke(session_of(PERSON))
    await mesh.settle()
    await mesh.tap_with(header)


async def test_of_more_ended_sessions_than_are_remembered_none_gets_through() -> None:
    async with GatewayMesh(gateway_revocations_max=1) as mesh:
        await _taps_answered_on_the_spot(mesh)
        late = f"Bearer {mesh.token(PERSON, exp=mesh.clock.now_ms() // 1000 + 7_200)}"
        early = f"Bearer {mesh.token(OTHER)}"
        for session_id in (session_of(OTHER), 1):
            mesh.sessions.revoke(session_id)
        await mesh.settle()
        # Both end in an hour, so whose end is forgotten ends for everybody.
        assert await _reason(mesh, early) in ("TOKEN_EXPIRED", "TOKEN_REVOKED")
        await mesh.tap_with(late)


async def _taps_answered_on_the_spot(mesh: GatewayMesh) -> None:
    mesh.owners[0].say(allocation_pb2.STOCK_PHASE_OPEN, tokens=0)
    await mesh.settle()


async def _reason(mesh: GatewayMesh, header: str) -> str:
    with pytest.raises(ServiceError) as refused:
        await mesh.tap_with(header)
    assert refused.value.domain == "hongbao.gateway"
    return refused.value.reason
