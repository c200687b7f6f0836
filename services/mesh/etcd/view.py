"""A prefix kept in memory: what most users of a watch want."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.values import KeyValue
from services.mesh.etcd.watch import Batch, Change, watch


class PrefixView:
    """The keys under a prefix as last heard; keeps the last known state while no server can be reached."""

    def __init__(
        self, client: EtcdClient, prefix: str, on_change: Callable[[Change], None] | None = None
    ) -> None:
        """Wires a view; `on_change` is told every change, after the view shows it. It must not raise."""
        self._client = client
        self._on_change = on_change
        self.prefix = prefix
        self.version = 0
        """Rises with every batch of changes."""
        self.revision = 0
        """The store's revision that this view has reached; 0 before the first state is known."""
        self._entries: dict[str, KeyValue] = {}
        self._next_change = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def entries(self) -> Mapping[str, KeyValue]:
        """The keys and what they hold. Do not keep: it changes as the store does."""
        return self._entries

    async def start(self) -> None:
        """Begins to watch; returns when the present state is known."""
        self._task = asyncio.create_task(self._follow(), name=f"view of {self.prefix}")
        while self.revision == 0:
            await self.changed(self.version)

    async def changed(self, since_version: int) -> int:
        """Returns the version as soon as it is not `since_version`. Raises what ended the watch, if any."""
        while self.version == since_version:
            if self._task is not None and self._task.done():
                if not self._task.cancelled():
                    self._task.result()
                raise RuntimeError(f"the view of {self.prefix} is closed")
            await self._next_change.wait()
        return self.version

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds; looks again after every change."""
        while True:
            version = self.version
            if condition():
                return
            await self.changed(version)

    async def reached(self, revision: int) -> None:
        """Returns when the view shows what was written under its prefix at a revision, or later."""
        await self.until(lambda: self.revision >= revision)

    async def ended(self) -> None:
        """Returns when the watch was closed; raises what ended it otherwise. Cancelling does not end it."""
        if self._task is not None:
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()

    async def close(self) -> None:
        """Ends the watch. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _follow(self) -> None:
        try:
            async with contextlib.aclosing(watch(self._client, self.prefix)) as batches:
                async for batch in batches:
                    self._apply(batch)
        finally:
            # Waiters must learn that nothing more will come.
            self._next_change.set()

    def _apply(self, batch: Batch) -> None:
        for change in batch.changes:
            if change.now is None:
                self._entries.pop(change.key, None)
            else:
                self._entries[change.key] = change.now
        self.revision = batch.revision
        self.version += 1
        if self._on_change is not None:
            for change in batch.changes:
                self._on_change(change)
        self._next_change.set()
        self._next_change = asyncio.Event()
