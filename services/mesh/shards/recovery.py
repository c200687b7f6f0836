"""Rebuilding a shard's state: snapshot and tail of its journal, folded beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from google.protobuf.message import Message

from services.mesh.journal.port import Journal, Record
from services.mesh.settings import MeshSettings
from services.mesh.shards.errors import JournalBroken
from services.mesh.shards.offload import Offload
from services.mesh.shards.state import S


@dataclass(frozen=True, slots=True)
class Recovered(Generic[S]):
    """A state as it was after the last record of a journal."""

    state: S
    seq: int
    """The last record."""
    snapshot_seq: int
    """The record that the snapshot was made after; 0 for none."""
    time_ms: int
    """Time of the last record, milliseconds since the Unix epoch; 0 when there is none."""


class Recovery(Generic[S]):
    """Rebuilds the shards of one service.

    Nobody else sees a state before it is complete, so threads may work on it: millions of records can be
    folded while the loop answers for other shards and keeps the lease alive.
    """

    def __init__(
        self,
        service: str,
        event_type: type[Message],
        make_state: Callable[[int], S],
        settings: MeshSettings,
        offload: Offload,
    ) -> None:
        self._service = service
        self._event_type = event_type
        self._make_state = make_state
        self._batch_records = settings.replay_batch_records
        self._offload = offload

    async def run(self, shard: int, journal: Journal, last: int) -> Recovered[S]:
        """The state of a shard whose journal was fenced and ends at `last`. Raises `JournalBroken`."""
        state = self._make_state(shard)
        snapshot = await journal.load_snapshot()
        restored = 0
        if snapshot is not None:
            if snapshot.seq > last:
                raise JournalBroken(
                    f"{self._service} shard {shard} has a snapshot at {snapshot.seq}, but ends at {last}",
                    shard=shard,
                )
            kept, restored = snapshot.state, snapshot.seq
            await self._offload.run(lambda: state.restore(kept))
        # The snapshot's own record is read too, for its time: a journal's times never go back.
        seq = max(0, restored - 1)
        time_ms = 0
        while seq < last:
            batch = await journal.read(seq, self._batch_records)
            self._check(shard, batch, seq, last)
            await self._offload.run(lambda records=batch: self._fold(state, records, restored))  # type: ignore[misc]  # a default of no type
            seq, time_ms = batch[-1].seq, batch[-1].time_ms
            # Recovery of a long journal must not hold up the shards that are already served.
            await asyncio.sleep(0)
        return Recovered(state, last, restored, time_ms)

    def _fold(self, state: S, records: Sequence[Record], restored: int) -> None:
        parse = self._event_type.FromString
        for record in records:
            if record.seq > restored:
                state.apply(record.seq, record.time_ms, parse(record.payload))

    def _check(self, shard: int, batch: Sequence[Record], after_seq: int, last: int) -> None:
        if not batch:
            raise JournalBroken(f"{self._service} shard {shard} ends at {after_seq}, not {last}", shard=shard)
        for expected, record in enumerate(batch, start=after_seq + 1):
            if record.seq != expected:
                raise JournalBroken(
                    f"{self._service} shard {shard} jumps from {expected - 1} to {record.seq}", shard=shard
                )
