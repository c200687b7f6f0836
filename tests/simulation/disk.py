"""What is on the simulated disk: read as it is, past all services, by those who check them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as settlement
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import Record
from tests.simulation.processes import SHARDS

_EVENTS: dict[str, Callable[[bytes], Any]] = {
    "allocation": allocation.AllocationEvent.FromString,
    "cards": cards.CardsEvent.FromString,
    "settlement": settlement.SettlementEvent.FromString,
}
_RECORDS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Written:
    """A durable record."""

    service: str
    shard: int
    record: Record
    event: Any


class DiskReader:
    """Reads on in every journal."""

    def __init__(self, disk: MemoryStore) -> None:
        self._disk = disk.shared()
        self._seen = {(service, shard): 0 for service, count in SHARDS.items() for shard in range(count)}

    async def news(self) -> list[Written]:
        """What was written since the last time, by journal, each in its order."""
        news: list[Written] = []
        for (service, shard), seen in self._seen.items():
            journal = await self._disk.open(service, shard)
            for record in await journal.read(seen, _RECORDS_MAX):
                news.append(Written(service, shard, record, _EVENTS[service](record.payload)))
                self._seen[service, shard] = record.seq
            await journal.close()
        return news


async def digest(disk: MemoryStore) -> str:
    """A hash of every record of every journal: its number, epoch, time and payload."""
    hashed = hashlib.sha256()
    for written in await DiskReader(disk).news():
        for part in _parts(written):
            hashed.update(part)
    return hashed.hexdigest()


def _parts(written: Written) -> Iterator[bytes]:
    record = written.record
    yield f"{written.service}/{written.shard} {record.seq} {record.epoch} {record.time_ms} ".encode()
    yield len(record.payload).to_bytes(4, "big")
    yield record.payload
