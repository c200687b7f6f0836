"""The next owner's part before a planned handoff: it loads the state while the present owner serves on."""

from __future__ import annotations

import asyncio

import structlog

from services.mesh.failpoints import failpoint
from services.mesh.shards.surroundings import SeatSurroundings

_log = structlog.get_logger(__name__)


class WarmUp:
    """Loads one shard ahead, and says in etcd when it may be given."""

    def __init__(self, shard: int, around: SeatSurroundings) -> None:
        self._shard = shard
        self._around = around
        self._key = around.keys.ready_for(shard)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_begun(self) -> bool:
        """Whether there is anything to end."""
        return self._task is not None

    def begin(self) -> None:
        """Starts to load."""
        self._task = asyncio.create_task(self._load(), name=f"warm up of shard {self._shard}")

    async def end(self) -> None:
        """The shard was taken, or is not to be taken after all. Idempotent."""
        if self._task is not None:
            # First, or it could say so after the key is gone: the key must not outlive what it tells of.
            self._task.cancel()
            await asyncio.wait({self._task})
            await self._around.surely(lambda: self._around.client.delete(self._key))
            self.abandon()

    def abandon(self) -> None:
        """As `end`, when the session is over and its keys are gone with it."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._around.handler.cool(self._shard)

    async def _load(self) -> None:
        around = self._around
        try:
            async with asyncio.timeout(around.take_timeout_s):
                await around.handler.warm(self._shard)
        except Exception:  # noqa: BLE001 - whatever it was, the shard is taken without: that is only slower
            _log.exception("shard_not_warmed", shard=self._shard)
        word = around.instance.encode()
        await around.surely(lambda: around.client.put(self._key, word, lease_id=around.session.lease_id))
        failpoint("handoff.warmed")
