"""Three servers: the leader may die without anybody noticing more than a moment's wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from etcdserverpb import rpc_pb2

from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import EtcdOutcomeUnknown, EtcdUnavailable
from services.mesh.etcd.session import Session
from services.mesh.etcd.transport import EtcdLimits
from services.mesh.etcd.view import PrefixView
from tests.integration.mesh.etcd_fixtures import EtcdServer, running_etcd


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[list[EtcdServer]]:
    async with running_etcd(tmp_path, 3) as servers:
        yield servers


async def test_calls_sessions_and_watches_go_on_when_the_leader_is_killed(
    servers: list[EtcdServer],
) -> None:
    limits = EtcdLimits(attempt_timeout_s=0.5)
    leader = await leading(servers)
    # The leader comes first, and the client is made to use it: the hardest case.
    endpoints = [leader.endpoint, *(server.endpoint for server in servers if server is not leader)]
    async with EtcdClient(endpoints, limits=limits) as client:
        while client.transport.current_node.address != leader.endpoint:
            client.transport.fail_over(client.transport.current_node)
        assert sorted(await client.members()) == ["m0", "m1", "m2"]
        session = await Session.open(client, 10)
        view = PrefixView(client, "/k/")
        await view.start()
        await client.put("/k/session", b"", lease_id=session.lease_id)

        leader.kill()
        renewed_s = session.expires_at_s
        revision = await put_surely(client, "/k/after", b"1")
        await asyncio.wait_for(view.reached(revision), 5.0)
        assert set(view.entries) == {"/k/session", "/k/after"}

        while session.expires_at_s <= renewed_s:
            session.check_alive()
            await asyncio.sleep(0.02)
        found = await client.get("/k/session")
        assert found is not None
        assert found.lease_id == session.lease_id
        await view.close()
        await session.close()


async def test_without_a_majority_calls_fail_in_time_and_recover_when_it_is_back(
    servers: list[EtcdServer],
) -> None:
    limits = EtcdLimits(timeout_s=1.0, attempt_timeout_s=0.4)
    async with EtcdClient([server.endpoint for server in servers], limits=limits) as client:
        await client.put("/k", b"before")
        servers[0].kill()
        servers[1].kill()
        with pytest.raises(EtcdUnavailable):
            await client.get("/k")
        servers[0].start()
        await put_surely(client, "/k", b"after")
        found = await client.get("/k")
        assert found is not None
        assert found.value == b"after"


async def leading(servers: list[EtcdServer]) -> EtcdServer:
    for server in servers:
        async with EtcdClient([server.endpoint]) as client:
            node = client.transport.current_node
            status = await node.maintenance.Status(rpc_pb2.StatusRequest(), timeout=2.0)
            if status.leader_id == status.header.member_id:
                return server
    raise AssertionError("a cluster that answers has a leader")


async def put_surely(client: EtcdClient, key: str, value: bytes) -> int:
    """Repeats a put, harmless here, until it is answered."""
    async with asyncio.timeout(10.0):
        while True:
            try:
                return await client.put(key, value)
            except (EtcdOutcomeUnknown, EtcdUnavailable):
                await asyncio.sleep(0.02)
