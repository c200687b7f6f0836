"""Makes statements from the journal of every shard that is owned here, a moment after it is durable."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.journal.port import Record
from services.mesh.logs import get_logger
from services.mesh.shards.host import Shard, ShardLost, ShardNotOwned
from services.mesh.wakeup import Wakeup
from services.settlement.adapters.statements.metrics import (
    ENTRIES,
    EVENTS_BEHIND,
    FAULTS,
    REBUILDS,
    SECONDS_BEHIND,
)
from services.settlement.adapters.statements.rows import LAYOUT, Cursor
from services.settlement.adapters.statements.store import StatementStore
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.entries import posted, record_mark
from services.settlement.domain.state import SettlementState
from services.settlement.settings import SettlementSettings

_log = get_logger("settlement.statements")

_IDLE_S = 60.0
"""How long a projector that has caught up waits before it looks again by itself."""

OwnedShard = Shard[SettlementState]


@dataclass(slots=True)
class Progress:
    """How far one shard's statements are, and how far somebody wants them to be."""

    seq: int = 0
    """Every event up to this one is in."""
    wanted_seq: int = 0
    """Somebody waits for this one."""
    failing: bool = False
    """The database does not answer: nobody should wait for it."""
    moved: Wakeup = field(default_factory=Wakeup)


class StatementProjector:
    """A `ShardCompanion`: follows the journals of the shards that are owned here into the statements.

    Rows and cursor are one transaction, and the cursor is locked meanwhile: whoever is killed goes on where
    the rows end, and two owners at once add the same rows once. Posting never waits for any of this.
    """

    def __init__(self, store: StatementStore, clock: Clock, settings: SettlementSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._progress: dict[int, Progress] = {}
        self._turn = asyncio.Lock()
        """One shard after the other: together they get no more than their share of the time."""
        self._nudge = Wakeup()

    async def begin(self, shard: OwnedShard) -> None:
        """Starts to follow; the shard ends it when it is given or lost."""
        progress = self._progress[shard.number] = Progress()
        shard.spawn(self._follow(shard, progress), "statements")

    async def end(self, shard: OwnedShard) -> None:
        """Forgets a shard that is not owned here any more."""
        self._progress.pop(shard.number, None)
        for gauge in (EVENTS_BEHIND, SECONDS_BEHIND):
            gauge.labels(shard.number).set(0)

    async def caught_up(self, shard: int, seq: int, timeout_s: float) -> None:
        """Waits until the statements have an event, but no longer than this; has them hurry meanwhile."""
        ends_s = self._clock.monotonic_s() + timeout_s
        while (progress := self._progress.get(shard)) is not None and progress.seq < seq:
            if progress.failing:
                return
            left_s = ends_s - self._clock.monotonic_s()
            if left_s <= 0:
                return
            progress.wanted_seq = max(progress.wanted_seq, seq)
            self._nudge.call()
            await progress.moved.wait(left_s, self._clock)

    async def _follow(self, shard: OwnedShard, progress: Progress) -> None:
        """Goes on whatever the database does: a shard must not be lost because its statements lag."""
        backoff = Backoff(self._settings.backoff_ms_min, self._settings.backoff_ms_max)
        cursor: Cursor | None = None
        while True:
            try:
                if cursor is None:
                    cursor = await self._begin_at(shard)
                    progress.seq, progress.failing = cursor.seq, False
                    progress.moved.call()
                cursor = await self._go_on(shard, progress, cursor)
                backoff.reset()
            except (ShardLost, ShardNotOwned):
                return
            except ServiceError as error:
                progress.failing = True
                progress.moved.call()
                FAULTS.labels(shard.number).inc()
                _log.warning("statements_wait", shard=shard.number, error=str(error))
                cursor = None
                await self._clock.sleep(backoff.next_s())

    async def _begin_at(self, shard: OwnedShard) -> Cursor:
        """Where the rows end. Rows that are not of this journal, or of an older layout, are made anew."""
        cursor = await self._store.read(shard.number, lambda tables: tables.cursor())
        if cursor.seq == 0 and cursor.layout == LAYOUT:
            return cursor
        if cursor.layout == LAYOUT and cursor.seq <= shard.durable_seq:
            records = await shard.read(cursor.seq - 1, 1)
            if records and record_mark(records[0].time_ms, records[0].payload) == cursor.mark:
                return cursor
        # An owner who was paused may see what the next one added. Only the owner in office may drop rows.
        shard.commit(pb.SettlementEvent())
        await shard.settled()
        REBUILDS.labels(shard.number).inc()
        _log.warning("statements_made_anew", shard=shard.number, seq=cursor.seq, layout=cursor.layout)
        return await self._store.write(shard.number, lambda tables: tables.clear())

    async def _go_on(self, shard: OwnedShard, progress: Progress, cursor: Cursor) -> Cursor:
        """Adds the next events, as soon as there are any."""
        if shard.durable_seq <= cursor.seq:
            self._tell(shard, cursor)
            if not await shard.wait_beyond(cursor.seq, _IDLE_S):
                shard.check_open()
                return cursor
            if shard.durable_seq - cursor.seq < self._settings.statement_batch_records:
                await self._pause(self._settings.statement_linger_ms / 1000)
        async with self._turn:
            begun_s = self._clock.monotonic_s()
            records = await shard.read(cursor.seq, self._settings.statement_batch_records)
            moved = await self._add(shard, progress, cursor, records) if records else cursor
            spent_s = self._clock.monotonic_s() - begun_s
            await self._pause(spent_s * (1 / self._settings.statement_load - 1))
        return moved

    async def _add(
        self, shard: OwnedShard, progress: Progress, cursor: Cursor, records: list[Record]
    ) -> Cursor:
        run_entries_max = self._settings.statement_run_entries
        moved = await self._store.write(
            shard.number, lambda tables: _add(tables, cursor, records, run_entries_max)
        )
        failpoint("statements.added")
        before = cursor.run_entries if moved.run == cursor.run else 0
        ENTRIES.labels(shard.number).inc(max(0, moved.run_entries - before))
        progress.seq, progress.failing = moved.seq, False
        progress.moved.call()
        self._tell(shard, moved)
        return moved

    async def _pause(self, pause_s: float) -> None:
        """Leaves time for others, unless somebody waits for more than there is."""
        is_awaited = any(progress.wanted_seq > progress.seq for progress in self._progress.values())
        if pause_s > 0 and not is_awaited:
            await self._nudge.wait(pause_s, self._clock)

    def _tell(self, shard: OwnedShard, cursor: Cursor) -> None:
        behind = max(0, shard.durable_seq - cursor.seq)
        EVENTS_BEHIND.labels(shard.number).set(behind)
        age_s = (self._clock.now_ms() - cursor.time_ms) / 1000 if behind and cursor.time_ms else 0
        SECONDS_BEHIND.labels(shard.number).set(max(0, age_s))


def _add(tables: StatementTables, cursor: Cursor, records: list[Record], run_entries_max: int) -> Cursor:
    """Blocks: for the store's thread, where the events are also taken apart."""
    batch = posted((record.seq, record.time_ms, record.payload) for record in records)
    return tables.append(cursor, batch, run_entries_max)
