"""The client: keys, transactions and leases of one etcd cluster."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from etcdserverpb import rpc_pb2

from services.mesh.clock import Clock, SystemClock
from services.mesh.etcd.errors import CompareFailed, EtcdOutcomeUnknown, LeaseGone
from services.mesh.etcd.transport import EtcdLimits, EtcdTls, Transport
from services.mesh.etcd.values import (
    Condition,
    Created,
    Delete,
    Get,
    KeyValue,
    Lease,
    Listing,
    Operation,
    Put,
    TxnResult,
    absent,
    compare_of,
    key_value_of,
    prefix_end,
    request_of,
    result_of,
)


class EtcdClient:
    """Talks to an etcd cluster through its public API.

    Every method raises `EtcdUnavailable` when no endpoint answered in time, `EtcdDenied` or `EtcdRejected`
    when etcd refuses. Methods that change something may raise `EtcdOutcomeUnknown`: the change may have
    happened. Reads are linearizable.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        user: str | None = None,
        password: str | None = None,
        tls: EtcdTls | None = None,
        clock: Clock | None = None,
        limits: EtcdLimits | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.limits = limits or EtcdLimits()
        self.transport = Transport(
            endpoints, user=user, password=password, tls=tls, clock=self.clock, limits=self.limits
        )

    async def get(self, key: str) -> KeyValue | None:
        """Reads a key; None when it does not exist."""
        request = rpc_pb2.RangeRequest(key=key.encode())
        answer = await self.transport.call(f"get {key}", lambda node: node.kv.Range, request, repeatable=True)
        return key_value_of(answer.kvs[0]) if answer.kvs else None

    async def range_prefix(self, prefix: str) -> Listing:
        """Reads all keys that begin with the prefix, in order, at one revision."""
        request = rpc_pb2.RangeRequest(key=prefix.encode(), range_end=prefix_end(prefix))
        answer = await self.transport.call(
            f"list {prefix}", lambda node: node.kv.Range, request, repeatable=True
        )
        return Listing(answer.header.revision, tuple(key_value_of(message) for message in answer.kvs))

    async def put(self, key: str, value: bytes, *, lease_id: int = 0) -> int:
        """Writes a key whatever it held; returns the revision. Raises `LeaseGone`."""
        request = rpc_pb2.PutRequest(key=key.encode(), value=value, lease_id=lease_id)
        answer = await self.transport.call(f"put {key}", lambda node: node.kv.Put, request, repeatable=False)
        return answer.header.revision

    async def delete(self, key: str) -> bool:
        """Deletes a key; False when there was none."""
        request = rpc_pb2.DeleteRangeRequest(key=key.encode())
        answer = await self.transport.call(
            f"delete {key}", lambda node: node.kv.DeleteRange, request, repeatable=False
        )
        return answer.deleted > 0

    async def delete_prefix(self, prefix: str) -> int:
        """Deletes all keys that begin with the prefix; returns how many there were."""
        request = rpc_pb2.DeleteRangeRequest(key=prefix.encode(), range_end=prefix_end(prefix))
        answer = await self.transport.call(
            f"delete under {prefix}", lambda node: node.kv.DeleteRange, request, repeatable=False
        )
        return answer.deleted

    async def txn(
        self,
        conditions: Sequence[Condition],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
    ) -> TxnResult:
        """Does `success` when all conditions hold, else `failure`, at one revision. Raises `LeaseGone`."""
        request = rpc_pb2.TxnRequest(
            compare=[compare_of(condition) for condition in conditions],
            success=[request_of(operation) for operation in success],
            failure=[request_of(operation) for operation in failure],
        )
        doing = f"txn on {', '.join(operation.key for operation in success)}"
        only_reads = all(isinstance(operation, Get) for operation in (*success, *failure))
        answer = await self.transport.call(doing, lambda node: node.kv.Txn, request, repeatable=only_reads)
        return result_of(answer)

    async def create(self, key: str, value: bytes, *, lease_id: int) -> int:
        """Creates a leased key that must not exist; returns its create-revision.

        Safe to repeat after a lost answer: a key that exists under the same lease was created by an earlier
        attempt, and counts as created now. Raises `CompareFailed` when the key is someone else's,
        `LeaseGone`, and `EtcdOutcomeUnknown` when even reading back did not tell (repeat it, or make sure
        that the key is not left behind: an attempt may still arrive later).
        """
        try:
            result = await self.txn([absent(key)], [Put(key, value, lease_id)], [Get(key)])
        except EtcdOutcomeUnknown:
            found = await self.get(key)
            if found is None:
                raise
        else:
            if result.succeeded:
                return result.revision
            found = result.reads[0]
        if found is not None and found.lease_id == lease_id:
            return found.create_revision
        raise CompareFailed(f"{key} exists already", key=key)

    async def delete_created(self, key: str, create_revision: int) -> bool:
        """Deletes a key only if it is the one created at that revision; False when it is gone already.

        Safe to repeat after a lost answer.
        """
        # The create-revision is what makes the deletion harmless when it comes late or twice.
        return (await self.txn([Created(key, create_revision)], [Delete(key)])).succeeded

    async def grant(self, ttl_s: int) -> Lease:
        """Creates a lease. A grant whose answer is lost leaves a lease behind that expires by itself."""
        answer = await self.transport.call(
            f"grant a lease of {ttl_s} s",
            lambda node: node.lease.LeaseGrant,
            rpc_pb2.LeaseGrantRequest(ttl_s=ttl_s),
            repeatable=True,
        )
        return Lease(lease_id=answer.lease_id, ttl_s=answer.ttl_s)

    async def revoke(self, lease_id: int, *, timeout_s: float | None = None) -> None:
        """Ends a lease and deletes its keys; one that is gone already is fine."""
        request = rpc_pb2.LeaseRevokeRequest(lease_id=lease_id)
        try:
            await self.transport.call(
                f"revoke lease {lease_id:x}",
                lambda node: node.lease.LeaseRevoke,
                request,
                repeatable=True,
                timeout_s=timeout_s,
            )
        except LeaseGone:
            return

    async def remaining_s(self, lease_id: int) -> int | None:
        """Seconds that a lease has left as the server sees it, None when it is gone."""
        answer = await self.transport.call(
            f"look at lease {lease_id:x}",
            lambda node: node.lease.LeaseTimeToLive,
            rpc_pb2.LeaseTimeToLiveRequest(lease_id=lease_id),
            repeatable=True,
        )
        return None if answer.ttl_s < 0 else answer.ttl_s

    async def compact(self, revision: int) -> None:
        """Forgets the history before a revision."""
        request = rpc_pb2.CompactionRequest(revision=revision, physical=True)
        await self.transport.call(
            f"compact to {revision}", lambda node: node.kv.Compact, request, repeatable=True
        )

    async def members(self) -> Sequence[str]:
        """Names of the cluster's members."""
        answer = await self.transport.call(
            "list members", lambda node: node.cluster.MemberList, rpc_pb2.MemberListRequest(), repeatable=True
        )
        return tuple(member.name for member in answer.members)

    async def close(self) -> None:
        """Closes all connections; sessions and watches of this client end with them."""
        await self.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
