"""The background work of all shards that this instance owns."""

from __future__ import annotations

from dataclasses import dataclass

from services.allocation.domain.envelopes.ports import EnvelopeFunds
from services.allocation.domain.ports import Holds, Peers
from services.allocation.domain.state import AllocationState
from services.allocation.settings import AllocationSettings
from services.allocation.tasks.envelope_keeper import EnvelopeKeeper
from services.allocation.tasks.leftover_mover import LeftoverMover
from services.allocation.tasks.round_keeper import RoundKeeper
from services.allocation.tasks.stock_closer import StockCloser
from services.mesh.clock import Clock
from services.mesh.shards.host import Shard
from services.mesh.wakeup import Wakeup


@dataclass(frozen=True, slots=True)
class ShardWork:
    """What works for one shard."""

    shard: Shard[AllocationState]
    keeper: RoundKeeper
    closer: StockCloser
    mover: LeftoverMover
    envelopes: EnvelopeKeeper


class ShardTasks:
    """Starts and forgets the work of shards, as the shard host tells."""

    def __init__(
        self, holds: Holds, funds: EnvelopeFunds, peers: Peers, clock: Clock, settings: AllocationSettings
    ) -> None:
        self.changed = Wakeup()
        """Called when a stock's phase, or what this instance owns, has changed."""
        self._holds = holds
        self._funds = funds
        self._peers = peers
        self._clock = clock
        self._settings = settings
        self._work: dict[int, ShardWork] = {}

    async def owned(self, shard: Shard[AllocationState]) -> None:
        """Begins the work: the host's `on_owned`."""
        mover = LeftoverMover(shard, self._peers, self._clock, self._settings, self.changed.call)
        work = ShardWork(
            shard,
            RoundKeeper(shard, self._holds, self._peers, self._clock, self._settings),
            StockCloser(shard, self._clock, self._settings, self.changed.call, mover.settle),
            mover,
            EnvelopeKeeper(shard, self._funds, self._clock, self._settings),
        )
        shard.spawn(work.keeper.run(), "rounds")
        shard.spawn(work.closer.run(), "closing")
        shard.spawn(work.mover.run(), "leftovers")
        shard.spawn(work.envelopes.run(), "envelopes")
        self._work[shard.number] = work
        self.changed.call()

    async def lost(self, shard: Shard[AllocationState]) -> None:
        """Forgets the work, which has ended: the host's `on_lost`."""
        # The next term of the same shard may have begun already.
        work = self._work.get(shard.number)
        if work is not None and work.shard is shard:
            del self._work[shard.number]
        self.changed.call()

    def of(self, shard: Shard[AllocationState]) -> ShardWork:
        """The work for a shard that is held. Raises `ShardNotOwned` when it was lost in this moment."""
        work = self._work.get(shard.number)
        if work is None or work.shard is not shard:
            shard.check_open()
            raise AssertionError("a shard that is open has its work")
        return work
