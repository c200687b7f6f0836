"""Watching a prefix: the present state first, then every change, whatever happens to servers in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import grpc
import grpc.aio
from etcdserverpb import rpc_pb2

from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import EtcdDenied, EtcdUnavailable, is_token_refused
from services.mesh.etcd.transport import Node
from services.mesh.etcd.values import KeyValue, key_value_of, prefix_end

_WatchCall: TypeAlias = "grpc.aio.StreamStreamCall[rpc_pb2.WatchRequest, rpc_pb2.WatchResponse]"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a key. After a compaction, intermediate changes are left out."""

    key: str
    now: KeyValue | None
    """None when the key is gone."""
    before: KeyValue | None
    """What this watch had told about the key before, None when it was not there."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that belong together: all changes of a revision are in one batch."""

    revision: int
    """The state told so far is the store's state at this revision."""
    changes: Sequence[Change]


async def watch(client: EtcdClient, prefix: str) -> AsyncGenerator[Batch, None]:
    """Tells the keys under a prefix, as a first batch (possibly empty), and then every change.

    Goes on after the last revision told when a stream breaks or a server is replaced. When that revision has
    been compacted away, or the store has gone back (it was restored), it reads everything again and tells
    the difference. Trouble with servers is retried with a bounded backoff for as long as it takes; wrong
    credentials raise `EtcdDenied`. Close the iterator, or cancel who reads it, to end the watch.
    """
    follower = _Follower(client, prefix)
    backoff = client.transport.backoff()
    yield await follower.first_batch()
    while True:
        try:
            if not follower.has_history:
                batch = await follower.difference()
                if batch.changes:
                    yield batch
                else:
                    # A member that lags behind looks like a store that went back: give it a moment.
                    await client.clock.sleep(backoff.next_s())
            async with contextlib.aclosing(follower.follow()) as batches:
                async for batch in batches:
                    backoff.reset()
                    yield batch
        except EtcdUnavailable:
            await client.clock.sleep(backoff.next_s())


class _Follower:
    """Remembers what has been told, so that it can go on from there."""

    def __init__(self, client: EtcdClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._told: dict[str, KeyValue] = {}
        self._revision = 0
        self._may_renew_token = True
        self.has_history = True
        """Whether the server can tell all changes since what has been told."""

    async def first_batch(self) -> Batch:
        backoff = self._client.transport.backoff()
        while True:
            try:
                return await self.difference()
            except EtcdUnavailable:
                await self._client.clock.sleep(backoff.next_s())

    async def difference(self) -> Batch:
        """Reads the present state and compares it with what has been told."""
        listing = await self._client.range_prefix(self._prefix)
        present = {key_value.key: key_value for key_value in listing.key_values}
        gone = [Change(key, None, before) for key, before in self._told.items() if key not in present]
        changed = [
            Change(key, now, self._told.get(key))
            for key, now in present.items()
            if self._told.get(key) != now
        ]
        self._told = present
        self._revision = listing.revision
        self.has_history = True
        return Batch(listing.revision, (*gone, *changed))

    async def follow(self) -> AsyncGenerator[Batch, None]:
        """Tells changes until the server cannot go on from there; raises `EtcdUnavailable` when it breaks."""
        transport = self._client.transport
        node = transport.current_node
        metadata = await transport.metadata(self._client.limits.attempt_timeout_s)
        call: _WatchCall = node.watch.Watch(metadata=metadata)
        try:
            async with asyncio.timeout(self._client.limits.attempt_timeout_s):
                await call.write(self._create_request())
            while not self._ends_with(answer := await self._next_answer(call, node)):
                if answer.events:
                    yield self._batch(answer)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError, EtcdUnavailable) as error:
            # InvalidStateError is how grpc.aio reports a write to a call that has ended.
            if isinstance(error, grpc.aio.AioRpcError) and is_token_refused(error):
                transport.forget_token()
            transport.fail_over(node)
            raise EtcdUnavailable(f"watch {self._prefix}: {node.address}: {error}") from error
        finally:
            call.cancel()

    def _create_request(self) -> rpc_pb2.WatchRequest:
        return rpc_pb2.WatchRequest(
            create_request=rpc_pb2.WatchCreateRequest(
                key=self._prefix.encode(),
                range_end=prefix_end(self._prefix),
                start_revision=self._revision + 1,
                progress_notify=True,
            )
        )

    async def _next_answer(self, call: _WatchCall, node: Node) -> rpc_pb2.WatchResponse:
        """The next message. A connection that died silently is found out by asking for a sign of life."""
        # A read must not be cancelled, because that would cancel the whole call: so it is awaited in turns.
        read = asyncio.ensure_future(call.read())
        silence_s = self._client.limits.silence_s
        try:
            await asyncio.wait({read}, timeout=silence_s)
            if not read.done():
                request = rpc_pb2.WatchRequest(progress_request=rpc_pb2.WatchProgressRequest())
                async with asyncio.timeout(silence_s):
                    await call.write(request)
                await asyncio.wait({read}, timeout=silence_s)
            if not read.done():
                raise EtcdUnavailable(f"watch {self._prefix}: {node.address} is silent")
            answer = read.result()
        finally:
            read.cancel()
        if not isinstance(answer, rpc_pb2.WatchResponse):
            raise EtcdUnavailable(f"watch {self._prefix}: {node.address} has closed the stream")
        return answer

    def _ends_with(self, answer: rpc_pb2.WatchResponse) -> bool:
        """Whether this stream can tell nothing more. Raises `EtcdDenied`."""
        # Revisions of progress notifications are not used: servers before 3.5.8 may send one ahead of the
        # events it covers, and a watch resuming from there would miss those.
        went_back = answer.created and answer.header.revision < self._revision
        if answer.compact_revision or went_back:
            self.has_history = False
            return True
        if answer.canceled:
            self._check_refusal(answer.cancel_reason)
            return True
        if answer.created:
            self._may_renew_token = True
        return False

    def _check_refusal(self, reason: str) -> None:
        if "permission denied" not in reason and "auth" not in reason:
            raise EtcdUnavailable(f"watch {self._prefix}: cancelled: {reason}")
        # An expired token and a missing permission look the same here: a fresh token tells them apart.
        if not self._may_renew_token:
            raise EtcdDenied(f"watch {self._prefix}: {reason}", details=reason)
        self._may_renew_token = False
        self._client.transport.forget_token()

    def _batch(self, answer: rpc_pb2.WatchResponse) -> Batch:
        changes = []
        for event in answer.events:
            key = event.kv.key.decode()
            before = self._told.pop(key, None)
            now = None
            if event.type == rpc_pb2.Event.PUT:
                now = self._told[key] = key_value_of(event.kv)
            changes.append(Change(key, now, before))
            self._revision = event.kv.mod_revision
        return Batch(self._revision, tuple(changes))
