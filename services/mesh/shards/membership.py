"""Being found: an instance of a service without shards announces its address."""

from __future__ import annotations

import asyncio

import structlog

from services.mesh.background import start_background
from services.mesh.backoff import Backoff
from services.mesh.errors import ServiceError
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.session import Session
from services.mesh.shards.records import Member, ServiceKeys

_log = structlog.get_logger(__name__)


class Membership:
    """Keeps an instance in the directory for as long as it runs; joins again when its session was lost.

    Sharded services need none: their ownership is their membership.
    """

    def __init__(
        self, client: EtcdClient, *, service: str, instance: str, address: str, lease_ttl_s: int = 3
    ) -> None:
        self._client = client
        self._key = ServiceKeys(service).member(instance)
        self._value = Member(address, capacity=1).encoded()
        self._lease_ttl_s = lease_ttl_s
        self._task: asyncio.Task[None] | None = None
        self._session: Session | None = None

    async def start(self) -> None:
        """Announces the address. Raises `EtcdUnavailable` or `EtcdDenied`."""
        await self._join()
        self._task = start_background(self._stay(), f"membership {self._key}")

    async def close(self) -> None:
        """Withdraws the address: the first step of draining. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._session is not None:
            await self._session.close()

    async def _join(self) -> None:
        self._session = session = await Session.open(self._client, self._lease_ttl_s)
        try:
            await self._client.put(self._key, self._value, lease_id=session.lease_id)
        except BaseException:
            await session.close()
            raise

    async def _stay(self) -> None:
        backoff = Backoff(self._client.limits.backoff_ms_min, self._client.limits.backoff_ms_max)
        while True:
            if self._session is not None:
                await self._session.lost.wait()
                await self._session.close()
            try:
                await self._join()
                backoff.reset()
            except ServiceError as error:
                _log.warning("not_rejoined", key=self._key, error=str(error))
                await self._client.clock.sleep(backoff.next_s())
