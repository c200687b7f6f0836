"""When a mesh is ready: every process says SERVING, and every shard has an owner."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.cli.local_mesh.layout import ProcessSpec
from services.cli.local_mesh.process import ProcessFailed
from services.mesh.errors import ServiceError
from services.mesh.etcd.client import EtcdClient

_POLL_S = 0.1
_CALL_TIMEOUT_S = 2.0


class Readiness:
    """Asks etcd where a process is, and the process whether it serves."""

    def __init__(self, etcd_endpoint: str) -> None:
        self._etcd = EtcdClient([etcd_endpoint])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._etcd.close()

    async def wait(self, spec: ProcessSpec, timeout_s: float) -> None:
        """Returns when the process serves. Raises `ProcessFailed` when it does not in time."""
        await _within(timeout_s, lambda: self._serves(spec.service, spec.name), spec, "is not ready")

    async def _serves(self, service: str, instance: str) -> bool:
        member = await self._etcd.get(f"/hongbao/{service}/members/{instance}")
        if member is None:
            return False
        address = json.loads(member.value)["address"]
        async with grpc.aio.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]  # the package has no types
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_CALL_TIMEOUT_S)
            except grpc.aio.AioRpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def wait_for_etcd(spec: ProcessSpec, endpoint: str, timeout_s: float) -> None:
    """Returns when etcd answers. Raises `ProcessFailed` when it does not in time."""

    async def answers() -> bool:
        async with EtcdClient([endpoint]) as etcd:
            with contextlib.suppress(ServiceError):
                await etcd.get("/hongbao")
                return True
        return False

    await _within(timeout_s, answers, spec, f"does not answer at {endpoint}")


async def _within(
    timeout_s: float, ready: Callable[[], Awaitable[bool]], spec: ProcessSpec, what_is_late: str
) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not await ready():  # noqa: ASYNC110 - another process cannot set an event here
                await asyncio.sleep(_POLL_S)
    except TimeoutError as failure:
        raise ProcessFailed(
            f"{spec.name} {what_is_late} after {timeout_s:.0f} s; see its log: {spec.log_file}",
            process=spec.name,
        ) from failure
