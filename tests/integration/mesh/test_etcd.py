"""Keys, transactions, leases, and what happens when no answer comes, against a real etcd."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.mesh.clock import SystemClock
from services.mesh.errors import ErrorKind
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import (
    CompareFailed,
    EtcdOutcomeUnknown,
    EtcdRejected,
    EtcdUnavailable,
    LeaseGone,
)
from services.mesh.etcd.transport import EtcdLimits
from services.mesh.etcd.values import Delete, Get, Modified, Put, TxnResult, absent
from tests.integration.mesh.etcd_fixtures import (
    EtcdServer,
    free_ports,
)

SHORT = EtcdLimits(timeout_s=0.5, attempt_timeout_s=0.3)


async def test_keys_are_written_read_listed_and_deleted(etcd_client: EtcdClient) -> None:
    first = await etcd_client.put("/a/1", b"one")
    second = await etcd_client.put("/a/1", b"two")
    await etcd_client.put("/a/2", b"")
    await etcd_client.put("/b", b"elsewhere")

    found = await etcd_client.get("/a/1")
    assert found is not None
    assert (found.value, found.create_revision, found.mod_revision, found.version) == (
        b"two",
        first,
        second,
        2,
    )
    assert [entry.key for entry in (await etcd_client.range_prefix("/a/")).key_values] == ["/a/1", "/a/2"]

    assert await etcd_client.delete("/a/1")
    assert not await etcd_client.delete("/a/1")
    assert await etcd_client.get("/a/1") is None
    assert await etcd_client.delete_prefix("/a/") == 1
    assert await etcd_client.get("/b") is not None


async def test_a_transaction_does_one_of_two_things_at_one_revision(etcd_client: EtcdClient) -> None:
    created = await etcd_client.txn([absent("/k")], [Put("/k", b"1"), Put("/l", b"1")], [Get("/k")])
    assert created.succeeded
    again = await etcd_client.txn([absent("/k")], [Put("/k", b"2")], [Get("/k"), Get("/none")])
    assert not again.succeeded
    found, missing = again.reads
    assert found is not None
    assert (found.value, found.mod_revision) == (b"1", created.revision)
    assert missing is None
    swapped = await etcd_client.txn([Modified("/k", created.revision)], [Delete("/k"), Put("/l", b"2")])
    assert swapped.succeeded
    assert await etcd_client.get("/k") is None


async def test_creating_a_leased_key_twice_is_creating_it_once_but_never_for_another_lease(
    etcd_client: EtcdClient,
) -> None:
    mine, other = await etcd_client.grant(5), await etcd_client.grant(5)
    epoch = await etcd_client.create("/shard", b"me", lease_id=mine.lease_id)
    assert await etcd_client.create("/shard", b"me", lease_id=mine.lease_id) == epoch
    with pytest.raises(CompareFailed) as raised:
        await etcd_client.create("/shard", b"other", lease_id=other.lease_id)
    assert raised.value.kind is ErrorKind.ABORTED
    assert not await etcd_client.delete_created("/shard", epoch - 1)
    assert await etcd_client.delete_created("/shard", epoch)
    assert not await etcd_client.delete_created("/shard", epoch)
    assert await etcd_client.create("/shard", b"other", lease_id=other.lease_id) > epoch


async def test_keys_die_with_their_lease(etcd_client: EtcdClient) -> None:
    lease = await etcd_client.grant(60)
    await etcd_client.put("/leased", b"", lease_id=lease.lease_id)
    assert await etcd_client.remaining_s(lease.lease_id) in {59, 60}
    await etcd_client.revoke(lease.lease_id)
    assert await etcd_client.get("/leased") is None
    assert await etcd_client.remaining_s(lease.lease_id) is None
    await etcd_client.revoke(lease.lease_id)
    with pytest.raises(LeaseGone):
        await etcd_client.put("/leased", b"", lease_id=lease.lease_id)


async def test_what_etcd_refuses_is_not_tried_again(etcd_client: EtcdClient) -> None:
    with pytest.raises(EtcdRejected, match="larger than max"):
        await etcd_client.put("/big", bytes(2 * 1024 * 1024))


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
    own_etcd: EtcdServer, own_etcd_client: EtcdClient
) -> None:
    async with EtcdClient([own_etcd.endpoint], limits=SHORT) as impatient:
        await impatient.get("/k")
        own_etcd.freeze()
        with pytest.raises(EtcdOutcomeUnknown) as raised:
            await impatient.put("/k", b"once")
        own_etcd.thaw()
    assert raised.value.kind is ErrorKind.UNAVAILABLE
    found = await own_etcd_client.get("/k")
    assert found is None or found.version == 1


async def test_a_key_created_by_a_transaction_whose_answer_was_lost_is_read_back(
    etcd_client: EtcdClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await etcd_client.grant(5)
    with monkeypatch.context() as patch:
        patch.setattr(etcd_client, "txn", losing_the_answer(etcd_client.txn))
        epoch = await etcd_client.create("/shard", b"me", lease_id=lease.lease_id)
    found = await etcd_client.get("/shard")
    assert found is not None
    assert found.create_revision == epoch


@pytest.mark.parametrize("endpoints", [[], ["localhost"], ["http://localhost:2379"]])
def test_endpoints_that_are_not_host_and_port_are_refused(endpoints: list[str]) -> None:
    with pytest.raises(ValueError, match="host:port"):
        EtcdClient(endpoints)


async def test_a_password_without_a_user_is_refused() -> None:
    with pytest.raises(ValueError, match="password"):
        EtcdClient(["127.0.0.1:2379"], password="secret")


def losing_the_answer(
    change: Callable[..., Awaitable[TxnResult]],
) -> Callable[..., Awaitable[TxnResult]]:
    async def changed_but_unheard(*arguments: Any) -> TxnResult:
        await change(*arguments)
        raise EtcdOutcomeUnknown("the answer was lost")

    return changed_but_unheard
