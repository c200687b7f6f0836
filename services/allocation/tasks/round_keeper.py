"""Brings the rounds of a home shard through their steps: fund, prepare, open with a beacon, close.

Every step is on record before the next begins, and can be repeated. So whoever owns the shard next goes on
where the last owner stopped, and nobody has to come back for a round that a crash left half-made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from hongbao.allocation.v1 import events_pb2
from services.allocation.domain import records
from services.allocation.domain.errors import RoundPending
from services.allocation.domain.ports import Holds, Peers
from services.allocation.domain.rounds import Round
from services.allocation.domain.state import AllocationState
from services.allocation.domain.values import NOTHING, StockId, Totals
from services.allocation.settings import AllocationSettings
from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.logs import get_logger
from services.mesh.shards.host import Shard, ShardOverloaded
from services.mesh.wakeup import Wakeup

_log = get_logger("allocation.rounds")
_T = TypeVar("_T")

# Errors that answer what was asked. All others speak of the moment or the set-up, and do not say whether an
# earlier attempt, whose answer was lost, has been carried out.
_ANSWERS = {ErrorKind.INVALID, ErrorKind.EXISTS, ErrorKind.PRECONDITION}
# Those that pass by themselves; what is left needs a person, and is tried again all the same.
_PASSING = {
    ErrorKind.UNAVAILABLE,
    ErrorKind.DEADLINE,
    ErrorKind.EXHAUSTED,
    ErrorKind.ABORTED,
    ErrorKind.INTERNAL,
}
_REFUSALS_MAX = 100
"""Refusals that are remembered for those who wait; the oldest make room."""
_PASSING_REASONS = {"SHARD_NOT_OWNED", "EPOCH_FENCED", "STOCK_OPEN", "HOLD_TOO_LATE"}


class RoundKeeper:
    """Keeps the rounds of one shard, while it is owned."""

    def __init__(
        self,
        shard: Shard[AllocationState],
        holds: Holds,
        peers: Peers,
        clock: Clock,
        settings: AllocationSettings,
    ) -> None:
        self._shard = shard
        self._rounds = shard.state.rounds
        self._holds = holds
        self._peers = peers
        self._clock = clock
        self._settings = settings
        self._to_begin: asyncio.Queue[StockId] = asyncio.Queue()
        self._opened: set[StockId] = set()
        """Rounds whose beacon every shard has. Not on record: after a takeover all are told once more."""
        self._refusals: dict[StockId, ServiceError] = {}
        self._changed = Wakeup()
        for found in self._rounds.all_rounds():
            if found.totals is None:
                self._to_begin.put_nowait(found.terms.stock_id)

    async def run(self) -> None:
        """Keeps every unfinished round, and those begun later; never returns."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    tasks.create_task(self._keep(await self._to_begin.get()))
        finally:
            # Whoever waits here finds the shard closed.
            self._changed.call()

    def begin(self, stock_id: StockId) -> None:
        """Takes up a round that was just created."""
        self._refusals.pop(stock_id, None)
        self._to_begin.put_nowait(stock_id)

    def wake(self) -> None:
        """Tells that a round was ended, or that its beacon is known."""
        self._changed.call()

    async def prepared(self, stock_id: StockId, timeout_s: float) -> Round:
        """Waits until every shard has its part of the round.

        Raises `RoundPending` when that takes longer, and what settlement refused with; both are durable then.
        """
        return await self._until(stock_id, lambda found: found.prepared, "PREPARE", timeout_s)

    async def opened(self, stock_id: StockId, timeout_s: float) -> Round:
        """Waits until every shard has the round's beacon. Raises `RoundPending` when that takes longer."""
        return await self._until(
            stock_id, lambda found: found.totals is not None or stock_id in self._opened, "OPEN", timeout_s
        )

    async def closed(self, stock_id: StockId, timeout_s: float) -> Round:
        """Waits until the round is closed on every shard. Raises `RoundPending` when that takes longer."""
        return await self._until(stock_id, lambda found: found.totals is not None, "CLOSE", timeout_s)

    async def _until(
        self, stock_id: StockId, condition: Callable[[Round], bool], step: str, timeout_s: float
    ) -> Round:
        found = self._rounds.find(stock_id)
        assert found is not None, "only rounds on record are waited for"  # noqa: S101 - an invariant
        give_up_s = self._clock.monotonic_s() + timeout_s
        while not condition(found):
            self._shard.check_open()
            refusal: ServiceError | None = self._refusals.get(stock_id)
            left_s = give_up_s - self._clock.monotonic_s()
            if refusal is None and left_s <= 0:
                refusal = RoundPending(found.terms, step if found.funded else "FUND")
            if refusal is not None:
                # Or the next owner might fund what was refused, or not know what was promised.
                await self._shard.settled()
                raise refusal
            await self._changed.wait(left_s, self._clock)
        await self._shard.settled()
        return found

    async def _keep(self, stock_id: StockId) -> None:
        found = self._rounds.find(stock_id)
        assert found is not None, "only rounds on record are kept"  # noqa: S101 - an invariant
        try:
            # Money may only be held for a round that nobody can forget.
            await self._shard.settled()
            failpoint("round.created")
            if not found.funded and not await self._fund(found):
                return
            if not found.prepared:
                await self._prepare(found)
            if found.terms.beacon:
                await self._open(found)
            await self._wait_until_over(found)
            await self._close(found)
        finally:
            self._changed.call()

    async def _fund(self, found: Round) -> bool:
        """Holds the budget; False when settlement refused, after which the round is gone."""
        stock_id = found.terms.stock_id
        try:
            await self._persist(found, "fund", lambda: self._holds.hold(found))
        except ServiceError as refusal:
            _log.warning("round_refused", stock_id=stock_id, reason=refusal.reason)
            refused = events_pb2.RoundRefused(stock_id=stock_id)
            durable = await self._decide(events_pb2.AllocationEvent(round_refused=refused))
            # The round is gone in this very step; those who wait for it are told why.
            self._refusals[stock_id] = refusal
            if len(self._refusals) > _REFUSALS_MAX:
                del self._refusals[next(iter(self._refusals))]
            await durable
            return False
        failpoint("round.held")
        await self._record(events_pb2.AllocationEvent(round_funded=events_pb2.RoundFunded(stock_id=stock_id)))
        failpoint("round.funded")
        return True

    async def _prepare(self, found: Round) -> None:
        async def prepare(shard: int) -> None:
            terms = found.stock_terms(shard, parts[shard])
            await self._persist(found, "prepare", lambda: self._peers.prepare(terms), give_up=False)

        parts = found.parts()
        await self._on_all_shards(found, prepare)
        stock_id = found.terms.stock_id
        await self._record(
            events_pb2.AllocationEvent(round_prepared=events_pb2.RoundPrepared(stock_id=stock_id))
        )
        self._changed.call()

    async def _open(self, found: Round) -> None:
        """Waits for the beacon's value, unless the round is over before, and brings it to every shard."""

        async def open_part(shard: int) -> None:
            await self._persist(
                found, "open", lambda: self._peers.open(stock_id, shard, beacon), give_up=False
            )

        await self._wait_until_over(found, lambda: not found.awaits_beacon)
        if found.beacon is None:
            return
        stock_id, beacon = found.terms.stock_id, found.beacon
        # A value that might be forgotten must not fix a single amount: another one could follow.
        await self._shard.settled()
        await self._on_all_shards(found, open_part)
        self._opened.add(stock_id)
        self._changed.call()

    async def _wait_until_over(self, found: Round, earlier: Callable[[], bool] = lambda: False) -> None:
        """Waits for the end of the round, or until something else is true."""
        while not found.ended and not earlier():
            left_ms = found.terms.window.closes_ms - self._clock.now_ms()
            if left_ms <= 0:
                return
            # The wall clock may jump while this sleeps, so it never sleeps long.
            sleep_ms = min(left_ms, self._settings.closing_poll_ms)
            await self._changed.wait(sleep_ms / 1000, self._clock)

    async def _close(self, found: Round) -> None:
        async def close(shard: int) -> Totals:
            return await self._persist(
                found,
                "close",
                lambda: self._peers.close(found.terms.stock_id, shard, early=found.ended),
                give_up=False,
            )

        # An early end is on record before the first shard closes by it.
        await self._shard.settled()
        totals = sum(await self._on_all_shards(found, close), NOTHING)
        failpoint("round.closing")
        await self._record(events_pb2.AllocationEvent(round_closed=records.round_closed(found, totals)))
        _log.info(
            "round_closed",
            stock_id=found.terms.stock_id,
            packets_won=totals.packets_won,
            won_fen=totals.won_fen,
            returned_fen=totals.returned_fen,
        )

    async def _on_all_shards(self, found: Round, step: Callable[[int], Awaitable[_T]]) -> list[_T]:
        """Does something for every shard, some of them at a time; the results are in the shards' order."""
        slots = asyncio.Semaphore(self._settings.peer_calls_max)

        async def one(shard: int) -> _T:
            async with slots:
                return await step(shard)

        async with asyncio.TaskGroup() as tasks:
            results = [tasks.create_task(one(shard)) for shard in range(found.terms.shard_count)]
        return [result.result() for result in results]

    async def _persist(
        self, found: Round, step: str, attempt: Callable[[], Awaitable[_T]], *, give_up: bool = True
    ) -> _T:
        """Repeats an attempt as long as the shard is owned, with a bounded pause in between.

        An error that answers the request itself ends it when `give_up` is set. Otherwise it is logged and
        tried again all the same: money may be held by then, and only this round can let go of it.
        """
        backoff = Backoff(self._settings.backoff_ms_min, self._settings.backoff_ms_max)
        while True:
            try:
                return await attempt()
            except ServiceError as error:
                passing = error.kind in _PASSING or error.reason in _PASSING_REASONS
                if give_up and not passing and error.kind in _ANSWERS:
                    raise
                if not passing:
                    _log.error("round_stuck", stock_id=found.terms.stock_id, step=step, error=str(error))
                elif error.reason != "STOCK_OPEN":
                    _log.warning(
                        "round_step_failed", stock_id=found.terms.stock_id, step=step, error=str(error)
                    )
            await self._clock.sleep(backoff.next_s())

    async def _record(self, event: Message) -> None:
        """Commits and waits until it is durable."""
        await (await self._decide(event))

    async def _decide(self, event: Message) -> Awaitable[int]:
        """Commits, waiting for room when the shard is busy.

        Nothing else runs between the commit and the return of what to await until it is durable.
        """
        backoff = Backoff(self._settings.backoff_ms_min, self._settings.backoff_ms_max)
        while True:
            try:
                return self._shard.commit(event)
            except ShardOverloaded:
                await self._clock.sleep(backoff.next_s())
