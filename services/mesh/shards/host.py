"""The runtime of a sharded service: takes shards, recovers their state, and lets go of them.

What a service brings is a state (a fold over its events) and hooks for its background work. What it gets is
a `Shard` for every shard that this instance owns, to decide against and to commit to.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Generic

from google.protobuf.message import Message

from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.journal.port import EpochFenced, Journal, JournalStore
from services.mesh.logs import get_logger
from services.mesh.settings import MeshSettings
from services.mesh.shards.errors import (
    JournalBroken,
    RecordTooLarge,
    ShardLost,
    ShardNotOwned,
    ShardOverloaded,
)
from services.mesh.shards.hashing import check_shard_count
from services.mesh.shards.map import check_shard
from services.mesh.shards.offload import Offload
from services.mesh.shards.recovery import Recovered, Recovery
from services.mesh.shards.shard import Shard
from services.mesh.shards.state import S, ShardState

__all__ = [
    "EpochFenced",
    "JournalBroken",
    "RecordTooLarge",
    "Shard",
    "ShardHost",
    "ShardLost",
    "ShardNotOwned",
    "ShardOverloaded",
    "ShardState",
]

_log = get_logger("mesh.shards")

Hook = Callable[[Shard[S]], Awaitable[None]]


class ShardHost(Generic[S]):
    """Holds the shards that ownership gives to this instance; it is ownership's `ShardHandler`."""

    def __init__(
        self,
        store: JournalStore,
        service: str,
        shard_count: int,
        event_type: type[Message],
        make_state: Callable[[int], S],
        clock: Clock,
        settings: MeshSettings,
        *,
        on_owned: Hook[S] | None = None,
        on_lost: Hook[S] | None = None,
        on_failed: Callable[[int, Exception], None] | None = None,
        owner_address: Callable[[int], str | None] | None = None,
        alive: Callable[[], bool] | None = None,
        chained: bool = False,
    ) -> None:
        """Wires a host; nothing is opened until a shard is taken.

        Args:
            store: where the journals are.
            service: short name, such as "allocation".
            shard_count: shards are numbered from 0 to this, exclusively.
            event_type: the message that every record of the journal is.
            make_state: makes the empty state of the shard with the given number.
            clock: gives the times of records.
            settings: bounds of commits, snapshots and tasks.
            on_owned: called with a shard whose state is complete, before any caller sees it; starts
                background work with `shard.spawn`. Raising means that the shard is not taken.
            on_lost: called after a shard was closed and its tasks ended, in whichever way.
            on_failed: told of a shard that was given up because its journal or state failed, so that
                ownership can release it. The host has already let go of it.
            owner_address: who owns a shard as far as this process knows, for `ShardNotOwned`.
            alive: asked on every access whether this instance's lease certainly lives (`Ownership.alive`), so
                that a process that was frozen answers nothing, even before it is told that it lost all.
            chained: whether the records of a shard are a hash chain, which costs a SHA-256 of each record.

        The three before the last may also be set after construction, since ownership is wired with the host.
        """
        check_shard_count(shard_count)
        self.service = service
        self.shard_count = shard_count
        self.on_failed = on_failed
        self.owner_address = owner_address
        self.alive = alive
        self._store = store
        self._offload = Offload(settings.shard_threads)
        self._recovery = Recovery(service, event_type, make_state, settings, chained=chained)
        self._clock = clock
        self._settings = settings
        self._on_owned = on_owned
        self._on_lost = on_lost
        self._owned: dict[int, Shard[S]] = {}
        self._opening: dict[int, Shard[S]] = {}
        self._clean_ups: dict[int, asyncio.Task[None]] = {}
        self._warmed: dict[int, Recovered[S]] = {}
        self._warming: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def owned(self, shard: int) -> Shard[S]:
        """The shard, if this instance holds it. Raises `ShardNotOwned`; ValueError for an absurd number."""
        held = self._owned.get(shard)
        if held is not None and (self.alive is None or self.alive()):
            return held
        check_shard(shard, self.shard_count)
        owner = self.owner_address(shard) if self.owner_address is not None else None
        known: dict[str, Any] = {} if owner is None else {"owner": owner}
        raise ShardNotOwned(f"{self.service} shard {shard} is not held here", shard=shard, **known)

    def shards(self) -> Iterable[Shard[S]]:
        """The shards held now, by number."""
        return [self._owned[number] for number in sorted(self._owned)]

    async def warm(self, shard: int) -> None:
        """See `ShardHandler.warm`. Raises what the store raises."""
        check_shard(shard, self.shard_count)
        async with self._warming[shard]:
            journal = await self._store.open(self.service, shard)
            try:
                self._warmed[shard] = await self._recovery.warm(shard, journal)
            finally:
                await journal.close()

    def cool(self, shard: int) -> None:
        """See `ShardHandler.cool`."""
        self._warmed.pop(shard, None)

    async def take(self, shard: int, epoch: int) -> None:
        """See `ShardHandler.take`. Raises `EpochFenced`, `JournalBroken`, or what the store raises."""
        check_shard(shard, self.shard_count)
        if shard in self._owned:
            raise ValueError(f"{self.service} shard {shard} is held here already")
        if (clean_up := self._clean_ups.get(shard)) is not None:
            # After a failure the shard may come back at once; its former life must be over by then.
            await asyncio.shield(clean_up)
        journal = await self._store.open(self.service, shard)
        try:
            held = await self._recover(shard, epoch, journal)
        except BaseException:
            # Also on cancellation: a journal that stays open could keep the next owner waiting.
            await journal.close()
            raise
        failpoint("handoff.recovered")
        self._opening[shard] = held
        try:
            if self._on_owned is not None:
                await self._on_owned(held)
            held.check_open()
        except BaseException:
            await self._end(held, held.abandon())
            raise
        finally:
            self._opening.pop(shard, None)
        self._owned[shard] = held
        failpoint("handoff.taken")
        _log.info("shard_taken", service=self.service, shard=shard, epoch=epoch, seq=held.seq)

    async def give(self, shard: int, *, to_warm: bool = False) -> None:
        """See `ShardHandler.give`. Raises `ShardLost` when the last decisions could not be made durable."""
        held = self._owned.pop(shard, None)
        if held is not None:
            failpoint("handoff.stopped")
            await self._end(held, held.hand_over(keeps_snapshot=not to_warm))
            _log.info("shard_given", service=self.service, shard=shard, epoch=held.epoch, seq=held.seq)

    async def lose(self, shard: int) -> None:
        """See `ShardHandler.lose`."""
        held = self._owned.pop(shard, None) or self._opening.pop(shard, None)
        if held is not None:
            _log.warning("shard_lost", service=self.service, shard=shard, epoch=held.epoch)
            await self._end_quietly(held)

    async def close(self) -> None:
        """Gives every shard that is still held, and waits for all that is being cleaned up."""
        for shard in list(self._owned):
            try:
                await self.give(shard)
            except ServiceError as error:
                _log.warning("shard_not_flushed", service=self.service, shard=shard, error=str(error))
        await asyncio.gather(*self._clean_ups.values(), return_exceptions=True)
        self._offload.close()
        self._recovery.close()

    async def _recover(self, number: int, epoch: int, journal: Journal) -> Shard[S]:
        """Fences the journal, then rebuilds what it says."""
        last = await journal.fence(epoch)
        failpoint("handoff.fenced")
        async with self._warming[number]:
            recovered = await self._recovery.take(number, journal, last, self._warmed.pop(number, None))
        return Shard(
            number,
            epoch,
            recovered.state,
            journal,
            seq=recovered.seq,
            snapshot_seq=recovered.snapshot_seq,
            time_ms=recovered.time_ms,
            chain=recovered.chain,
            clock=self._clock,
            settings=self._settings,
            offload=self._offload,
            on_failed=self._failed,
        )

    def _failed(self, held: Shard[S]) -> None:
        """Lets go of a shard that failed; ownership is told, so that someone takes it afresh."""
        self._owned.pop(held.number, None)
        if held.number in self._opening:
            return  # `take` is still at it, and raises.
        number = held.number
        task = start_background(self._end_quietly(held), f"shard {number}: clean-up")
        self._clean_ups[number] = task
        task.add_done_callback(lambda _: self._clean_ups.pop(number, None))
        if self.on_failed is not None and held.failure is not None:
            self.on_failed(number, held.failure)

    async def _end_quietly(self, held: Shard[S]) -> None:
        try:
            await self._end(held, held.abandon())
        except Exception as error:  # noqa: BLE001 - the shard is gone either way; whoever gave it up must go on
            _log.error("shard_not_closed", service=self.service, shard=held.number, exc_info=error)

    async def _end(self, held: Shard[S], ending: Coroutine[Any, Any, None]) -> None:
        try:
            await ending
        finally:
            if self._on_lost is not None:
                await self._on_lost(held)
