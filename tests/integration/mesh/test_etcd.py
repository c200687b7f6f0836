"""The etcd client, sessions, elections and watches against one real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from services.mesh.clock import SystemClock
from services.mesh.errors import ErrorKind
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.election import Election, leader
from services.mesh.etcd.errors import (
    CompareFailed,
    EtcdOutcomeUnknown,
    EtcdRejected,
    EtcdUnavailable,
    LeaseGone,
    SessionLost,
)
from services.mesh.etcd.session import Session
from services.mesh.etcd.transport import EtcdLimits, Node
from services.mesh.etcd.values import Delete, Get, Modified, Put, TxnResult, absent
from services.mesh.etcd.view import PrefixView
from services.mesh.etcd.watch import Batch, watch
from tests.integration.mesh.etcd_fixtures import (
    EtcdServer,
    eventually,
    free_ports,
    running_etcd,
    shared_etcd,
)

SHORT = EtcdLimits(timeout_s=0.5, attempt_timeout_s=0.3)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    with shared_etcd(tmp_path_factory.mktemp("etcd")) as server:
        yield server


@pytest.fixture
async def client(shared_server: EtcdServer) -> AsyncIterator[EtcdClient]:
    """A client of a server that other tests use as well."""
    async with EtcdClient([shared_server.endpoint]) as client:
        yield client
        await client.delete_prefix("/")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EtcdServer]:
    """A server that the test may mistreat."""
    async with running_etcd(tmp_path) as [server]:
        yield server


@pytest.fixture
async def server_client(server: EtcdServer) -> AsyncIterator[EtcdClient]:
    async with EtcdClient([server.endpoint]) as client:
        yield client


async def test_keys_are_written_read_listed_and_deleted(client: EtcdClient) -> None:
    first = await client.put("/a/1", b"one")
    second = await client.put("/a/1", b"two")
    await client.put("/a/2", b"")
    await client.put("/b", b"elsewhere")

    found = await client.get("/a/1")
    assert found is not None
    assert (found.value, found.create_revision, found.mod_revision, found.version) == (
        b"two",
        first,
        second,
        2,
    )
    assert [entry.key for entry in (await client.range_prefix("/a/")).key_values] == ["/a/1", "/a/2"]

    assert await client.delete("/a/1")
    assert not await client.delete("/a/1")
    assert await client.get("/a/1") is None
    assert await client.delete_prefix("/a/") == 1
    assert await client.get("/b") is not None


async def test_a_transaction_does_one_of_two_things_at_one_revision(client: EtcdClient) -> None:
    created = await client.txn([absent("/k")], [Put("/k", b"1"), Put("/l", b"1")], [Get("/k")])
    assert created.succeeded
    again = await client.txn([absent("/k")], [Put("/k", b"2")], [Get("/k"), Get("/none")])
    assert not again.succeeded
    found, missing = again.reads
    assert found is not None
    assert (found.value, found.mod_revision) == (b"1", created.revision)
    assert missing is None
    swapped = await client.txn([Modified("/k", created.revision)], [Delete("/k"), Put("/l", b"2")])
    assert swapped.succeeded
    assert await client.get("/k") is None


async def test_creating_a_leased_key_twice_is_creating_it_once_but_never_for_another_lease(
    client: EtcdClient,
) -> None:
    mine, other = await client.grant(5), await client.grant(5)
    epoch = await client.create("/shard", b"me", lease_id=mine.lease_id)
    assert await client.create("/shard", b"me", lease_id=mine.lease_id) == epoch
    with pytest.raises(CompareFailed) as raised:
        await client.create("/shard", b"other", lease_id=other.lease_id)
    assert raised.value.kind is ErrorKind.ABORTED
    assert not await client.delete_created("/shard", epoch - 1)
    assert await client.delete_created("/shard", epoch)
    assert not await client.delete_created("/shard", epoch)
    assert await client.create("/shard", b"other", lease_id=other.lease_id) > epoch


async def test_keys_die_with_their_lease(client: EtcdClient) -> None:
    lease = await client.grant(60)
    await client.put("/leased", b"", lease_id=lease.lease_id)
    assert await client.remaining_s(lease.lease_id) in {59, 60}
    await client.revoke(lease.lease_id)
    assert await client.get("/leased") is None
    assert await client.remaining_s(lease.lease_id) is None
    await client.revoke(lease.lease_id)
    with pytest.raises(LeaseGone):
        await client.put("/leased", b"", lease_id=lease.lease_id)


async def test_what_etcd_refuses_is_not_tried_again(client: EtcdClient) -> None:
    with pytest.raises(EtcdRejected, match="larger than max"):
        await client.put("/big", bytes(2 * 1024 * 1024))


async def test_without_a_server_calls_fail_within_their_time() -> None:
    clock = SystemClock()
    async with EtcdClient([f"127.0.0.1:{port}" for port in free_ports(2)], limits=SHORT) as client:
        began_s = clock.monotonic_s()
        with pytest.raises(EtcdUnavailable) as read:
            await client.get("/k")
        with pytest.raises(EtcdUnavailable) as written:
            await client.put("/k", b"")
        assert clock.monotonic_s() - began_s < 2.0
    assert read.value.retry_delay_ms
    # Nothing can have been sent, so nothing is unknown.
    assert not isinstance(written.value, EtcdOutcomeUnknown)


async def test_a_change_whose_answer_is_lost_is_reported_as_unknown_and_not_sent_again(
    server: EtcdServer, server_client: EtcdClient
) -> None:
    async with EtcdClient([server.endpoint], limits=SHORT) as impatient:
        await impatient.get("/k")
        server.freeze()
        with pytest.raises(EtcdOutcomeUnknown) as raised:
            await impatient.put("/k", b"once")
        server.thaw()
    assert raised.value.kind is ErrorKind.UNAVAILABLE
    found = await server_client.get("/k")
    assert found is None or found.version == 1


async def test_a_key_created_by_a_transaction_whose_answer_was_lost_is_read_back(
    client: EtcdClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await client.grant(5)
    with monkeypatch.context() as patch:
        patch.setattr(client, "txn", losing_the_answer(client.txn))
        epoch = await client.create("/shard", b"me", lease_id=lease.lease_id)
    found = await client.get("/shard")
    assert found is not None
    assert found.create_revision == epoch


async def test_a_watch_tells_the_present_state_and_then_every_change(client: EtcdClient) -> None:
    await client.put("/w/1", b"old")
    async with aclosing(watch(client, "/w/")) as batches:
        assert told(await anext(batches)) == {"/w/1": b"old"}
        await client.txn([], [Put("/w/1", b"new"), Put("/w/2", b"two"), Put("/v", b"other")])
        batch = await anext(batches)
        assert told(batch) == {"/w/1": b"new", "/w/2": b"two"}
        assert [change.before.value if change.before else None for change in batch.changes] == [b"old", None]
        await client.delete("/w/2")
        assert told(await anext(batches)) == {"/w/2": None}


async def test_a_watch_goes_on_where_it_was_when_the_server_comes_back(
    server: EtcdServer, server_client: EtcdClient
) -> None:
    async with aclosing(watch(server_client, "/w/")) as batches:
        await anext(batches)
        await server_client.put("/w/before", b"")
        assert told(await anext(batches)) == {"/w/before": b""}
        server.kill()
        server.start()
        async with EtcdClient([server.endpoint]) as other:
            await eventually(lambda: _exists(other, "/w/before"))
            await other.put("/w/after", b"1")
            await other.put("/w/after", b"2")
        assert [value async for value in values(batches, 2)] == [b"1", b"2"]


async def test_a_watch_that_missed_compacted_history_tells_the_difference(
    client: EtcdClient,
) -> None:
    for name in ("kept", "changed", "removed"):
        await client.put(f"/w/{name}", b"old")
    async with aclosing(watch(client, "/w/")) as batches:
        assert len((await anext(batches)).changes) == 3
        # The watch is between two streams: it was told the state and has not asked for changes yet.
        await client.put("/w/changed", b"new")
        await client.delete("/w/removed")
        await client.put("/w/added", b"")
        await client.compact(await client.put("/elsewhere", b""))
        assert told(await anext(batches)) == {"/w/changed": b"new", "/w/removed": None, "/w/added": b""}
        await client.put("/w/kept", b"later")
        assert told(await anext(batches)) == {"/w/kept": b"later"}


async def test_a_watch_follows_a_store_that_was_replaced_by_an_older_one(
    tmp_path: Path, server: EtcdServer, server_client: EtcdClient
) -> None:
    for number in range(10):
        await server_client.put("/w/lost", b"%d" % number)
    async with aclosing(watch(server_client, "/w/")) as batches:
        assert told(await anext(batches)) == {"/w/lost": b"9"}
        server.kill()
        server.member.data_folder.rename(tmp_path / "gone")
        server.start()
        assert told(await anext(batches)) == {"/w/lost": None}
        await server_client.put("/w/new", b"")
        assert told(await anext(batches)) == {"/w/new": b""}


async def test_a_silent_connection_is_noticed_and_the_watch_goes_on_later(server: EtcdServer) -> None:
    limits = EtcdLimits(timeout_s=0.5, attempt_timeout_s=0.3, silence_s=0.1)
    async with EtcdClient([server.endpoint], limits=limits) as client:
        view = PrefixView(client, "/w/")
        await view.start()
        given_up: list[Node] = []
        client.transport.fail_over = given_up.append  # type: ignore[assignment, method-assign]  # one server
        server.freeze()
        await eventually(lambda: len(given_up) > 0)
        server.thaw()
        await eventually(lambda: _has_put(client, "/w/1"))
        await asyncio.wait_for(view.until(lambda: "/w/1" in view.entries), 5.0)
        await view.close()


async def test_a_view_that_is_closed_wakes_those_who_wait_for_it(client: EtcdClient) -> None:
    view = PrefixView(client, "/w/")
    await view.start()
    waiting = asyncio.create_task(view.changed(view.version))
    await asyncio.sleep(0)
    await view.close()
    with pytest.raises(RuntimeError, match="closed"):
        await asyncio.wait_for(waiting, 1.0)


async def test_a_session_outlives_its_time_by_keepalives_and_ends_with_close(client: EtcdClient) -> None:
    session = await Session.open(client, 1)
    await client.put("/mine", b"", lease_id=session.lease_id)
    first_end_s = session.expires_at_s
    await eventually(lambda: session.expires_at_s > first_end_s + session.ttl_s)
    assert session.alive()
    assert await client.get("/mine") is not None
    await session.close()
    assert not session.alive()
    assert await client.get("/mine") is None
    await session.close()


@pytest.mark.parametrize("mistreat", [EtcdServer.kill, EtcdServer.freeze])
async def test_a_session_is_lost_by_the_local_clock_when_etcd_says_nothing(
    server: EtcdServer, server_client: EtcdClient, mistreat: Callable[[EtcdServer], None]
) -> None:
    clock = SystemClock()
    session = await Session.open(server_client, 1)
    mistreat(server)
    silent_s = clock.monotonic_s()
    await asyncio.wait_for(session.lost.wait(), 3.0)
    # Some slack for a busy machine; the end itself lies before the server's.
    assert clock.monotonic_s() - silent_s <= session.ttl_s + 0.5
    assert session.expires_at_s <= silent_s + session.ttl_s
    with pytest.raises(SessionLost):
        session.check_alive()
    await session.close()


async def test_a_session_whose_lease_was_revoked_by_others_is_lost(client: EtcdClient) -> None:
    session = await Session.open(client, 1)
    await client.revoke(session.lease_id)
    await asyncio.wait_for(session.lost.wait(), 1.0)
    await session.close()


async def test_a_session_knows_at_once_that_its_process_was_frozen(server: EtcdServer) -> None:
    class SkippingClock(SystemClock):
        """A clock that has gone on while nothing of this process ran."""

        skipped_s = 0.0

        def monotonic_s(self) -> float:
            return super().monotonic_s() + self.skipped_s

    clock = SkippingClock()
    async with EtcdClient([server.endpoint], clock=clock) as client:
        session = await Session.open(client, 5)
        assert session.alive()
        clock.skipped_s = 5.0
        assert not session.alive()
        clock.skipped_s = 0.0
        assert not session.alive(), "what was lost stays lost"
        await session.close()


async def test_work_within_a_session_is_cancelled_when_it_is_lost(client: EtcdClient) -> None:
    session = await Session.open(client, 5)
    working = asyncio.create_task(session.while_alive(asyncio.Event().wait()))
    await asyncio.sleep(0)
    await session.close()
    with pytest.raises(SessionLost):
        await asyncio.wait_for(working, 1.0)


async def test_the_oldest_candidate_leads_and_the_next_follows(client: EtcdClient) -> None:
    sessions = [await Session.open(client, 5) for _ in range(3)]
    first, second, third = (Election(client, session, "/e/") for session in sessions)
    await first.campaign(b"first")
    await first.proclaim(b"first, still")
    found = await leader(client, "/e/")
    assert found is not None
    assert found.value == b"first, still"

    second_leads = asyncio.create_task(second.campaign(b"second"))
    await eventually(lambda: _exists(client, second.key))
    third_leads = asyncio.create_task(third.campaign(b"third"))
    await eventually(lambda: _exists(client, third.key))
    assert not second_leads.done()

    await first.resign()
    await asyncio.wait_for(second_leads, 2.0)
    assert not third_leads.done()
    await sessions[1].close()
    await asyncio.wait_for(third_leads, 2.0)
    for session in sessions:
        await session.close()


async def test_a_leader_of_the_past_cannot_write(client: EtcdClient) -> None:
    old, new = await Session.open(client, 5), await Session.open(client, 5)
    past, present = Election(client, old, "/e/"), Election(client, new, "/e/")
    await past.campaign(b"past")
    await past.write([Put("/plan", b"1")])
    await client.revoke(old.lease_id)
    await present.campaign(b"present")
    with pytest.raises(CompareFailed):
        await past.write([Put("/plan", b"2")])
    with pytest.raises(CompareFailed):
        await present.write([Put("/plan", b"2")], [absent("/plan")])
    found = await client.get("/plan")
    assert found is not None
    assert found.value == b"1"
    await old.close()
    await new.close()


@pytest.mark.parametrize("endpoints", [[], ["localhost"], ["http://localhost:2379"]])
def test_endpoints_that_are_not_host_and_port_are_refused(endpoints: list[str]) -> None:
    with pytest.raises(ValueError, match="host:port"):
        EtcdClient(endpoints)


async def test_a_password_without_a_user_is_refused() -> None:
    with pytest.raises(ValueError, match="password"):
        EtcdClient(["127.0.0.1:2379"], password="secret")


def told(batch: Batch) -> dict[str, bytes | None]:
    return {change.key: change.now.value if change.now else None for change in batch.changes}


async def values(batches: AsyncGenerator[Batch, None], count: int) -> AsyncIterator[bytes | None]:
    """The next changes, however they are grouped."""
    left = count
    while left > 0:
        async with asyncio.timeout(5.0):
            batch = await anext(batches)
        for change in batch.changes:
            left -= 1
            yield change.now.value if change.now else None


def losing_the_answer(
    change: Callable[..., Awaitable[TxnResult]],
) -> Callable[..., Awaitable[TxnResult]]:
    async def changed_but_unheard(*arguments: Any) -> TxnResult:
        await change(*arguments)
        raise EtcdOutcomeUnknown("the answer was lost")

    return changed_but_unheard


async def _exists(client: EtcdClient, key: str) -> bool:
    try:
        return await client.get(key) is not None
    except EtcdUnavailable:
        return False


async def _has_put(client: EtcdClient, key: str) -> bool:
    try:
        await client.put(key, b"")
    except EtcdUnavailable:
        return False
    return True
