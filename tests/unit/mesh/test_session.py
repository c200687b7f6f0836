"""How patiently a session tries to keep its lease."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from etcdserverpb import rpc_pb2

from services.mesh.backoff import Backoff
from services.mesh.clock import ManualClock
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import EtcdUnavailable
from services.mesh.etcd.session import Session

TTL_S = 3


async def test_a_session_lives_on_while_every_stream_breaks_after_one_answer() -> None:
    clock, server = ManualClock(), BreakingServer()
    transport = SimpleNamespace(
        current_node=SimpleNamespace(address="m0:2379", lease=server),
        metadata=server.metadata,
        fail_over=lambda _node: None,
        backoff=lambda: Backoff(20, 60_000),
    )
    session = Session(
        cast("EtcdClient", SimpleNamespace(clock=clock, transport=transport, revoke=server.revoke)),
        lease_id=1,
        ttl_s=TTL_S,
        granted_at_s=clock.monotonic_s(),
    )
    # Long after a pause that doubled with every break would have outlasted the lease.
    for _ in range(40):
        await clock.advance(TTL_S / 2)
        assert session.alive()
    assert server.streams > 20
    await session.close()


class BreakingServer:
    """Answers one keepalive on each stream, and then closes it."""

    def __init__(self) -> None:
        self.streams = 0

    def LeaseKeepAlive(self, **_: Any) -> BreakingStream:  # noqa: N802 - etcd's name
        self.streams += 1
        return BreakingStream()

    async def metadata(self, _timeout_s: float) -> tuple[()]:
        return ()

    async def revoke(self, _lease_id: int, **_: Any) -> None:
        return


class BreakingStream:
    """The client's end of such a stream."""

    def __init__(self) -> None:
        self._answers = [rpc_pb2.LeaseKeepAliveResponse(lease_id=1, ttl_s=TTL_S)]

    async def write(self, _request: rpc_pb2.LeaseKeepAliveRequest) -> None:
        return

    async def read(self) -> rpc_pb2.LeaseKeepAliveResponse:
        if not self._answers:
            raise EtcdUnavailable("closed")
        return self._answers.pop()

    def cancel(self) -> None:
        return
