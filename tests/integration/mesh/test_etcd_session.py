"""Sessions judged by the local clock, and elections among them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest

from services.mesh.clock import SystemClock
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.election import Election, leaders
from services.mesh.etcd.errors import (
    CompareFailed,
    EtcdUnavailable,
    SessionLost,
)
from services.mesh.etcd.session import Session
from services.mesh.etcd.transport import EtcdLimits
from services.mesh.etcd.values import Put, absent
from tests.integration.mesh.etcd_fixtures import (
    EtcdServer,
    SkippingClock,
    eventually,
)

SHORT = EtcdLimits(timeout_s=0.5, attempt_timeout_s=0.3)


async def test_a_session_outlives_its_time_by_keepalives_and_ends_with_close(etcd_client: EtcdClient) -> None:
    session = await Session.open(etcd_client, 1)
    await etcd_client.put("/mine", b"", lease_id=session.lease_id)
    first_end_s = session.expires_at_s
    await eventually(lambda: session.expires_at_s > first_end_s + session.ttl_s)
    assert session.alive()
    assert await etcd_client.get("/mine") is not None
    await session.close()
    assert not session.alive()
    assert await etcd_client.get("/mine") is None
    await session.close()


@pytest.mark.parametrize("mistreat", [EtcdServer.kill, EtcdServer.freeze])
async def test_a_session_is_lost_by_the_local_clock_when_etcd_says_nothing(
    own_etcd: EtcdServer, own_etcd_client: EtcdClient, mistreat: Callable[[EtcdServer], None]
) -> None:
    clock = SystemClock()
    session = await Session.open(own_etcd_client, 1)
    mistreat(own_etcd)
    silent_s = clock.monotonic_s()
    await asyncio.wait_for(session.lost.wait(), 3.0)
    # Some slack for a busy machine; the end itself lies before the server's.
    assert clock.monotonic_s() - silent_s <= session.ttl_s + 0.5
    assert session.expires_at_s <= silent_s + session.ttl_s
    with pytest.raises(SessionLost):
        session.check_alive()
    await session.close()


async def test_a_session_whose_lease_was_revoked_by_others_is_lost(etcd_client: EtcdClient) -> None:
    session = await Session.open(etcd_client, 1)
    await etcd_client.revoke(session.lease_id)
    await asyncio.wait_for(session.lost.wait(), 1.0)
    await session.close()


async def test_a_session_knows_at_once_that_its_process_was_frozen(own_etcd: EtcdServer) -> None:
    clock = SkippingClock()
    async with EtcdClient([own_etcd.endpoint], clock=clock) as client:
        session = await Session.open(client, 5)
        assert session.alive()
        clock.skipped_s = 5.0
        assert not session.alive()
        clock.skipped_s = 0.0
        assert not session.alive(), "what was lost stays lost"
        await session.close()


async def test_work_within_a_session_is_cancelled_when_it_is_lost(etcd_client: EtcdClient) -> None:
    session = await Session.open(etcd_client, 5)
    working = asyncio.create_task(session.while_alive(asyncio.Event().wait()))
    await asyncio.sleep(0)
    await session.close()
    with pytest.raises(SessionLost):
        await asyncio.wait_for(working, 1.0)


async def test_the_oldest_candidate_leads_and_the_next_follows(etcd_client: EtcdClient) -> None:
    sessions = [await Session.open(etcd_client, 5) for _ in range(3)]
    first, second, third = (Election(etcd_client, session, "/e/") for session in sessions)
    await first.campaign(b"first")
    async with aclosing(leaders(etcd_client, "/e/")) as told:
        found = await anext(told)
    assert found is not None
    assert found.value == b"first"

    second_leads = asyncio.create_task(second.campaign(b"second"))
    await eventually(lambda: _exists(etcd_client, second.key))
    third_leads = asyncio.create_task(third.campaign(b"third"))
    await eventually(lambda: _exists(etcd_client, third.key))
    assert not second_leads.done()

    await first.resign()
    await asyncio.wait_for(second_leads, 2.0)
    assert not third_leads.done()
    await sessions[1].close()
    await asyncio.wait_for(third_leads, 2.0)
    for session in sessions:
        await session.close()


async def test_a_candidate_stands_even_if_etcd_was_away_for_longer_than_a_call(own_etcd: EtcdServer) -> None:
    async with EtcdClient([own_etcd.endpoint], limits=SHORT) as client:
        session = await Session.open(client, 30)
        election = Election(client, session, "/e/")
        own_etcd.kill()
        leads = asyncio.create_task(election.campaign(b"patient"))
        with pytest.raises(EtcdUnavailable):
            await client.get(election.key)
        assert not leads.done()
        own_etcd.start()
        await asyncio.wait_for(leads, 10.0)
        await session.close()


async def test_a_leader_of_the_past_cannot_write(etcd_client: EtcdClient) -> None:
    old, new = await Session.open(etcd_client, 5), await Session.open(etcd_client, 5)
    past, present = Election(etcd_client, old, "/e/"), Election(etcd_client, new, "/e/")
    await past.campaign(b"past")
    await past.write([Put("/plan", b"1")])
    await etcd_client.revoke(old.lease_id)
    await present.campaign(b"present")
    with pytest.raises(CompareFailed):
        await past.write([Put("/plan", b"2")])
    with pytest.raises(CompareFailed):
        await present.write([Put("/plan", b"2")], [absent("/plan")])
    found = await etcd_client.get("/plan")
    assert found is not None
    assert found.value == b"1"
    await old.close()
    await new.close()


async def _exists(client: EtcdClient, key: str) -> bool:
    try:
        return await client.get(key) is not None
    except EtcdUnavailable:
        return False
