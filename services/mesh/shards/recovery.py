"""Rebuilding a shard's state: snapshot and tail of its journal, folded beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from google.protobuf.message import Message

from services.mesh.journal.chain import Chain
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
    last_record: Record | None = None
    """The last record itself, by which it is known again; None when there is none."""
    chain: Chain | None = None
    """The hash chain up to that record; None where the service keeps none."""


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
        *,
        chained: bool = False,
    ) -> None:
        self._chained = chained
        self._service = service
        self._event_type = event_type
        self._make_state = make_state
        self._batch_records = settings.replay_batch_records
        # Whoever takes a shard has callers waiting: never behind shards that are only loaded ahead.
        self._takes = Offload(settings.shard_threads)
        self._warm_ups = Offload(settings.shard_threads)

    def close(self) -> None:
        """Lets the threads end. Idempotent."""
        self._takes.close()
        self._warm_ups.close()

    async def warm(self, shard: int, journal: Journal) -> Recovered[S]:
        """The state of a shard that somebody else still writes to, as of a moment ago."""
        warmed: Recovered[S] | None = None
        while True:
            last = await journal.last_seq()
            # What comes while the last of it is read is for whoever takes the shard.
            if warmed is not None and last - warmed.seq <= self._batch_records:
                return warmed
            warmed = await self._run(shard, journal, last, warmed, self._warm_ups)

    async def take(
        self, shard: int, journal: Journal, last: int, warmed: Recovered[S] | None = None
    ) -> Recovered[S]:
        """The state of a shard whose journal was fenced and ends at `last`. Raises `JournalBroken`.

        With what was `warmed` before only the rest is folded, unless the journal tells another story by now.
        """
        return await self._run(shard, journal, last, warmed, self._takes)

    async def _run(
        self, shard: int, journal: Journal, last: int, warmed: Recovered[S] | None, offload: Offload
    ) -> Recovered[S]:
        if warmed is not None and await self._still_counts(warmed, journal):
            return await self._go_on(shard, journal, last, warmed, offload)
        state = self._make_state(shard)
        snapshot = await journal.load_snapshot()
        restored = 0
        if snapshot is not None and snapshot.seq > last:
            # Whoever still writes may have saved it after the end was looked up.
            last = await journal.last_seq()
        if snapshot is not None:
            if snapshot.seq > last:
                raise JournalBroken(
                    f"{self._service} shard {shard} has a snapshot at {snapshot.seq}, but ends at {last}",
                    shard=shard,
                )
            kept, restored = snapshot.state, snapshot.seq
            await offload.run(lambda: state.restore(kept))
        # The snapshot's own record is read too, for its time: a journal's times never go back.
        begun = Recovered(state, max(0, restored - 1), restored, 0)
        return await self._go_on(shard, journal, last, begun, offload)

    async def _go_on(
        self, shard: int, journal: Journal, last: int, begun: Recovered[S], offload: Offload
    ) -> Recovered[S]:
        """Folds what comes after the beginning, and was not in the snapshot.

        Up to `last` at least: while somebody still writes, a batch may bring more.
        """
        state, seq, restored = begun.state, begun.seq, begun.snapshot_seq
        time_ms, last_record, chain = begun.time_ms, begun.last_record, begun.chain
        while seq < last:
            batch = await journal.read(seq, self._batch_records)
            self._check(shard, batch, seq, last)
            if self._chained and chain is None:
                chain = await self._chain_before(shard, journal, batch[0], offload)
            await offload.run(
                lambda records=batch, chain=chain: self._fold(shard, state, records, restored, chain)  # type: ignore[misc]  # defaults of no type
            )
            last_record = batch[-1]
            seq, time_ms = last_record.seq, last_record.time_ms
            # Recovery of a long journal must not hold up the shards that are already served.
            await asyncio.sleep(0)
        if self._chained and chain is None:
            chain = Chain(self._service, shard)
        return Recovered(state, seq, restored, time_ms, last_record, chain)

    async def _chain_before(self, shard: int, journal: Journal, first: Record, offload: Offload) -> Chain:
        """The chain up to the record before `first`, which is the snapshot's own or the journal's first.

        Records from before there was a chain have no digests: then it is computed from the very first on.
        That happens once, as the record of the next snapshot has one.
        """
        if first.seq > 1 and first.digest:
            before = (await journal.read(first.seq - 2, 1))[0]
            if before.digest:
                return Chain(self._service, shard, seq=before.seq, digest=before.digest)
        chain = Chain(self._service, shard)
        while chain.seq < first.seq - 1:
            batch = await journal.read(chain.seq, min(self._batch_records, first.seq - 1 - chain.seq))
            self._check(shard, batch, chain.seq, first.seq - 1)
            await offload.run(lambda records=batch: self._follow(shard, chain, records))  # type: ignore[misc]  # a default of no type
            await asyncio.sleep(0)
        return chain

    async def _still_counts(self, warmed: Recovered[S], journal: Journal) -> bool:
        """Whether the journal still tells what was read.

        An owner that was frozen may have left a record behind that nobody was told of, and another took its
        place; the epochs of the two differ.
        """
        if warmed.last_record is None:
            return False
        return await journal.read(warmed.seq - 1, 1) == [warmed.last_record]

    def _follow(self, shard: int, chain: Chain, records: Sequence[Record]) -> None:
        for record in records:
            if not chain.follow(record):
                raise JournalBroken(
                    f"{self._service} shard {shard}: record {record.seq} is not what was written,"
                    " or one before it is not: its digest does not follow",
                    shard=shard,
                    seq=record.seq,
                )

    def _fold(
        self, shard: int, state: S, records: Sequence[Record], restored: int, chain: Chain | None
    ) -> None:
        if chain is not None:
            self._follow(shard, chain, records)
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
