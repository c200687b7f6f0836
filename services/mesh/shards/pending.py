"""Decisions of a shard on their way to the disk, bounded in number and bytes."""

from __future__ import annotations

import asyncio
from collections import deque

from services.mesh.journal.port import Entry
from services.mesh.settings import MeshSettings


def record_bytes_max(settings: MeshSettings) -> int:
    """The largest event, bytes: half of a message, so that a feed can carry any record with room to spare."""
    return settings.message_bytes_max // 2


class Pending:
    """What was decided and is not durable yet: waiting for a commit, or in the one under way."""

    def __init__(self, settings: MeshSettings) -> None:
        self._settings = settings
        self._waiting: deque[Entry] = deque()
        self._records = 0
        self._bytes = 0
        self._arrived = asyncio.Event()

    def full(self, size: int) -> str | None:
        """The bound that one more record of so many bytes would break, if any."""
        if self._records >= self._settings.shard_undurable_records_max:
            return "shard_undurable_records_max"
        if self._bytes + size > self._settings.shard_undurable_bytes_max:
            return "shard_undurable_bytes_max"
        return None

    def add(self, entry: Entry) -> None:
        """Lets a record wait for the next commit."""
        self._waiting.append(entry)
        self._records += 1
        self._bytes += len(entry.payload)
        self._arrived.set()

    async def next_chunk(self) -> list[Entry]:
        """What goes into one append: everything that waits, within the bounds of a commit."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        chunk: list[Entry] = []
        room = self._settings.journal_batch_bytes_max
        while self._waiting and len(chunk) < self._settings.journal_batch_entries_max:
            room -= len(self._waiting[0].payload)
            if chunk and room < 0:
                break
            chunk.append(self._waiting.popleft())
        return chunk

    def written(self, chunk: list[Entry]) -> None:
        """These are durable and wait no more."""
        self._records -= len(chunk)
        self._bytes -= sum(len(entry.payload) for entry in chunk)

    def clear(self) -> None:
        """Drops what waits: it will never be written."""
        self._waiting.clear()
