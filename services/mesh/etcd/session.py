"""A session: a lease kept alive, whose end is judged by this process's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc
import grpc.aio
from etcdserverpb import rpc_pb2

from services.mesh.backoff import Backoff
from services.mesh.errors import ServiceError
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import EtcdUnavailable, SessionLost, is_token_refused
from services.mesh.etcd.transport import Node

T = TypeVar("T")


class Session:
    """Holds a lease. Keys attached to it live until the session is closed or lost.

    The lease is taken for alive until `ttl_s` after the SENDING of the last keepalive that was answered: the
    server counts from when it received it, which is never earlier, so this side always gives up first. That
    needs no answer from any server and no timer: `alive()` compares clocks at the moment of the call, so
    that a process that was frozen knows on its first step.

    (The monotonic clock of Linux stands still while a whole machine is suspended; for that, as for every
    other case, the store's fence is the last line.)
    """

    def __init__(self, client: EtcdClient, lease_id: int, ttl_s: int, granted_at_s: float) -> None:
        self._client = client
        self.lease_id = lease_id
        self.ttl_s = ttl_s
        self.lost = asyncio.Event()
        """Set once, when the lease must be taken for expired."""
        self.expires_at_s = granted_at_s + ttl_s
        """On the clock's monotonic scale."""
        # Three beats fit into the time to live, so that one may be lost without harm.
        self._beat_s = ttl_s / 3
        self._tasks = (
            asyncio.create_task(self._keep_alive(), name=f"keepalive {lease_id:x}"),
            asyncio.create_task(self._watch_expiry(), name=f"expiry {lease_id:x}"),
        )

    @classmethod
    async def open(cls, client: EtcdClient, ttl_s: int) -> Session:
        """Opens a session with a lease of at least `ttl_s` seconds (the server may insist on more)."""
        sent_at_s = client.clock.monotonic_s()
        lease = await client.grant(ttl_s)
        return cls(client, lease.lease_id, lease.ttl_s, sent_at_s)

    def alive(self) -> bool:
        """Whether the lease certainly lives at this moment, by this process's clock."""
        if self._client.clock.monotonic_s() >= self.expires_at_s:
            self.lost.set()
        return not self.lost.is_set()

    def check_alive(self) -> None:
        """Raises `SessionLost` unless alive."""
        if not self.alive():
            raise SessionLost(f"session {self.lease_id:x} is lost", lease_id=f"{self.lease_id:x}")

    async def while_alive(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs something that only makes sense within this session; cancels it and raises `SessionLost`."""
        working = asyncio.create_task(work)
        losing = asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                self.check_alive()
            return await working
        finally:
            for task in (working, losing):
                task.cancel()
            await asyncio.wait({working, losing})

    async def close(self) -> None:
        """Revokes the lease, and with it deletes its keys, if a server can be reached in time. Idempotent.

        Afterwards the session is lost.
        """
        was_alive = self.alive()
        self.lost.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if was_alive:
            try:
                # No longer than the lease has left: after that it is gone by itself.
                await self._client.revoke(self.lease_id, timeout_s=float(self.ttl_s))
            except ServiceError:
                # Whatever the reason, the lease ends by itself soon.
                return

    async def _watch_expiry(self) -> None:
        while self.alive():
            await self._client.clock.sleep(self.expires_at_s - self._client.clock.monotonic_s())

    async def _keep_alive(self) -> None:
        backoff = self._client.transport.backoff()
        while self.alive():
            node = self._client.transport.current_node
            try:
                await self._keep_alive_at(node, backoff)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError, EtcdUnavailable, TimeoutError) as error:
                # InvalidStateError is how grpc.aio reports a write to a call that has ended.
                if isinstance(error, grpc.aio.AioRpcError) and is_token_refused(error):
                    self._client.transport.forget_token()
                self._client.transport.fail_over(node)
                # However patient the mesh is told to be: a lease has little time.
                await self._client.clock.sleep(min(backoff.next_s(), self._beat_s / 2))

    async def _keep_alive_at(self, node: Node, backoff: Backoff) -> None:
        """Sends keepalives over one stream until it fails or the lease is gone."""
        clock = self._client.clock
        metadata = await self._client.transport.metadata(self._beat_s)
        call = node.lease.LeaseKeepAlive(metadata=metadata)
        try:
            while self.alive():
                sent_at_s = clock.monotonic_s()
                async with asyncio.timeout(self._beat_s):
                    await call.write(rpc_pb2.LeaseKeepAliveRequest(lease_id=self.lease_id))
                    answer = await call.read()
                if not isinstance(answer, rpc_pb2.LeaseKeepAliveResponse):
                    raise EtcdUnavailable(f"keepalive: {node.address} has closed the stream")
                if answer.ttl_s <= 0:
                    self.lost.set()
                    return
                self.expires_at_s = sent_at_s + answer.ttl_s
                backoff.reset()
                await clock.sleep(sent_at_s + self._beat_s - clock.monotonic_s())
        finally:
            call.cancel()
