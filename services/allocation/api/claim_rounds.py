"""Batches that wait at the same moment are decided together, because what costs is the batch, not the claim.

A round is one decision over the people of several batches of one part, in the order in which these came, with
one record and one wait for the disk. While a commit is under way, what arrives waits for the next round; with
none under way a batch waits for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.allocation.api.held import AllocationHost, AllocationShard
from services.allocation.api.messages import packets_won
from services.allocation.domain.decision import Decision, Outcomes
from services.allocation.domain.stock import Stock
from services.allocation.domain.winners import People
from services.allocation.settings import AllocationSettings
from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.shards.pending import record_bytes_max
from services.mesh.wakeup import Wakeup

_RECORD_BYTES_PER_CLAIM = 32
"""More than a win takes in a record (8 for the person, 10 for the amount at most), its head included."""


@dataclass(eq=False, slots=True)
class _Batch:
    people: People
    trace_context: str
    """Of the sampled batch, for its record; empty for others."""
    answer: asyncio.Future[Outcomes]


@dataclass(eq=False, slots=True)
class _Lane:
    """The batches of one part that are not answered."""

    shard: AllocationShard
    stock: Stock
    waiting: list[_Batch] = field(default_factory=list)
    claims: int = 0
    """In those that wait."""
    under_way: int = 0
    """Rounds, or several that were decided at once, that are not durable; the one that is about to be decided
    included."""
    is_called: bool = False
    """Whether the next turn of the loop decides what waits."""


class ClaimRounds:
    """Decides batches, and makes them durable. How many of them wait is the caller's to bound."""

    def __init__(
        self, host: AllocationHost, changed: Wakeup, clock: Clock, settings: AllocationSettings
    ) -> None:
        """`changed` is called when a stock is sold out."""
        self._host = host
        self._changed = changed
        self._clock = clock
        self._rounds_max = settings.claim_rounds_max
        # A round must fit into a record whatever fits into a batch; a batch that does not is refused alone.
        self._claims_max = min(
            settings.batch_claims_max, record_bytes_max(settings) // _RECORD_BYTES_PER_CLAIM
        )
        # A lane is here as long as one of its batches is not answered, or its round is under way.
        self._lanes: dict[Stock, _Lane] = {}

    async def decide(
        self, shard: AllocationShard, stock: Stock, people: People, trace_context: str
    ) -> Outcomes:
        """What became of a batch, once that is durable.

        Raises, with nothing of the batch decided, `ShardNotOwned`, `ShardOverloaded`, `RecordTooLarge`, and
        `ShardLost` when it may or may not have been.
        """
        lane = self._lanes.get(stock)
        if lane is None:
            lane = self._lanes[stock] = _Lane(shard, stock)
        batch = _Batch(people, trace_context, asyncio.get_running_loop().create_future())
        lane.waiting.append(batch)
        lane.claims += len(people)
        self._call(lane)
        return await batch.answer

    def _call(self, lane: _Lane) -> None:
        """Has what waits decided, unless that should wait for a commit."""
        if lane.is_called or not lane.waiting:
            return
        if lane.under_way < self._rounds_max or lane.claims >= self._claims_max:
            lane.is_called = True
            lane.under_way += 1
            start_background(self._run(lane), "claims")

    async def _run(self, lane: _Lane) -> None:
        """Decides all that waits, in as few rounds as go, and answers."""
        if lane.claims < self._claims_max:
            # What is on its way through this turn of the loop comes along; an idle loop is there at once.
            await asyncio.sleep(0)
        lane.is_called = False
        # Whoever gave up before anything was decided is left out.
        waiting = [batch for batch in lane.waiting if not batch.answer.done()]
        lane.waiting, lane.claims = [], 0
        try:
            decided = [
                (batches, decision)
                for batches in self._rounds(waiting)
                if (decision := self._decide(lane, batches)) is not None
            ]
            if decided:
                # Also for who gets nothing new: what they are told may rest on wins that are on their way.
                await lane.shard.settled()
                failpoint("claim.durable")
            for batches, decision in decided:
                _answer(batches, decision)
        except Exception as error:  # noqa: BLE001 - everyone who waits for it raises it
            _refuse(waiting, error)
        except BaseException:
            # Nobody may wait for ever, whatever broke.
            for batch in waiting:
                batch.answer.cancel()
            raise
        finally:
            lane.under_way -= 1
            self._call(lane)
            if not lane.under_way:
                del self._lanes[lane.stock]

    def _rounds(self, waiting: Sequence[_Batch]) -> Iterator[list[_Batch]]:
        """In order; a record is of one trace, and has room for so many claims."""
        batches: list[_Batch] = []
        claims, is_traced = 0, False
        for batch in waiting:
            too_many = claims + len(batch.people) > self._claims_max
            if batches and (too_many or (is_traced and batch.trace_context)):
                yield batches
                batches, claims, is_traced = [], 0, False
            batches.append(batch)
            claims += len(batch.people)
            is_traced = is_traced or bool(batch.trace_context)
        if batches:
            yield batches

    def _decide(self, lane: _Lane, batches: list[_Batch]) -> Decision | None:
        """Decides a round; None when it was refused, and has been told so."""
        shard, stock = lane.shard, lane.stock
        try:
            # Either may have changed while it waited.
            self._host.owned(shard.number)
            shard.check_open()
            decision = stock.decide(_together(batches), self._clock.now_ms())
            failpoint("claim.decided")
            if len(decision.winners):
                trace_context = next((batch.trace_context for batch in batches if batch.trace_context), "")
                shard.commit(packets_won(stock, decision), trace_context)
                failpoint("claim.recorded")
                if not stock.packets_left:
                    self._changed.call()
        except ServiceError as error:
            _refuse(batches, error)
            return None
        return decision


def _together(batches: Sequence[_Batch]) -> People:
    if len(batches) == 1:
        return batches[0].people
    return np.concatenate([batch.people for batch in batches])


def _answer(batches: Sequence[_Batch], decision: Decision) -> None:
    """Gives each batch its part of the columns."""
    start = 0
    for batch in batches:
        stop = start + len(batch.people)
        if not batch.answer.done():
            batch.answer.set_result(decision.told(start, stop))
        start = stop


def _refuse(batches: Sequence[_Batch], error: Exception) -> None:
    for batch in batches:
        if not batch.answer.done():
            batch.answer.set_exception(error)
