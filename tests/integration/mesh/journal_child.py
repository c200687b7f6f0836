"""A process that appends to a SQLite journal until it is killed; run by the tests as a child.

Prints one line for every acknowledged call: its number, and the sequence number of its last entry.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from services.mesh.journal.port import Entry
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.settings import MeshSettings

CALLERS = 8
"""Calls under way at once, so that commits are groups."""


async def main(folder: Path, epoch: int) -> None:
    store = SqliteStore(folder, MeshSettings())
    journal = await store.open("toys", 0)
    await journal.fence(epoch)

    async def append(caller: int) -> None:
        turn = 0
        while True:
            call = turn * CALLERS + caller
            # Between one and four entries, which say what belongs together.
            size = call % 4 + 1
            entries = [Entry(f"{call}:{part}/{size}".encode(), time_ms=call) for part in range(size)]
            last = await journal.append(epoch, entries)
            sys.stdout.write(f"{call} {last}\n")
            sys.stdout.flush()
            turn += 1

    await asyncio.gather(*(append(caller) for caller in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
