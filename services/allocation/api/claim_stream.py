"""The hot path: batches of claims come in over a stream, are decided, made durable and answered.

Several batches are in flight per stream, so that one decision, and one commit of the journal, carries many of
them: see `claim_rounds`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
from opentelemetry.trace import SpanKind

from hongbao.allocation.v1 import allocation_pb2
from services.allocation.api.claim_rounds import ClaimRounds
from services.allocation.api.held import AllocationHost, held_shard
from services.allocation.api.messages import batch_answer
from services.allocation.domain.decision import ClaimOutcome
from services.allocation.domain.errors import BatchTooLarge, Overloaded
from services.allocation.domain.figures import ClaimFigures
from services.allocation.settings import AllocationSettings
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.interceptors.errors import to_status
from services.mesh.interceptors.tracing import describe
from services.mesh.telemetry import Telemetry, is_sampled
from services.mesh.wakeup import Wakeup

_METHOD = "hongbao.allocation.v1.ClaimService/ClaimBatch"

_Requests = AsyncIterator[allocation_pb2.ClaimBatchRequest]
_Answer = allocation_pb2.ClaimBatchResponse


class ClaimDesk:
    """Answers batches, from whichever stream they come."""

    def __init__(
        self,
        host: AllocationHost,
        changed: Wakeup,
        telemetry: Telemetry,
        clock: Clock,
        settings: AllocationSettings,
    ) -> None:
        """`changed` is called when a stock is sold out."""
        self._host = host
        self._telemetry = telemetry
        self._rounds = ClaimRounds(host, changed, clock, settings)
        self._claims_max = settings.batch_claims_max
        self._batches_max = settings.shard_batches_max
        self.figures = ClaimFigures()
        self._in_flight = self.figures.in_flight

    async def answer(self, request: allocation_pb2.ClaimBatchRequest) -> _Answer:
        """Decides a batch and makes it durable. Errors of the batch are in the answer."""
        try:
            if is_sampled(request.trace_context):
                return await self._traced_answer(request)
            return await self._answer(request, "")
        except ServiceError as error:
            self.figures.batches_refused += 1
            return refusal(request.batch_id, error)

    async def _traced_answer(self, request: allocation_pb2.ClaimBatchRequest) -> _Answer:
        """Answers under a span of the tap's trace, which is a stranger to the stream's own."""
        span = self._telemetry.start_span(_METHOD, kind=SpanKind.SERVER, parent=request.trace_context)
        describe(span, _METHOD)
        reason: str | None = "CANCELLED"
        try:
            answer = await self._answer(request, span.traceparent)
            reason = None
        except ServiceError as error:
            reason = error.reason
            raise
        finally:
            span.end(reason)
        return answer

    async def _answer(self, request: allocation_pb2.ClaimBatchRequest, trace_context: str) -> _Answer:
        shard = held_shard(self._host, request.shard)
        people = np.array(request.person_ids, np.int64)
        if len(people) > self._claims_max:
            raise BatchTooLarge(len(people), self._claims_max)
        if self._in_flight[shard.number] >= self._batches_max:
            raise Overloaded(shard.number, self._batches_max)
        stock = shard.state.stock(request.stock_id)
        self._in_flight[shard.number] += 1
        try:
            told = await self._rounds.decide(shard, stock, people, trace_context)
        finally:
            self._in_flight[shard.number] -= 1
        self.figures.decided(len(people), int(np.count_nonzero(told.outcomes == ClaimOutcome.WON)))
        return batch_answer(request.batch_id, told)


def refusal(batch_id: int, error: ServiceError) -> _Answer:
    """The answer to a batch of which nothing was decided."""
    return _Answer(batch_id=batch_id, error=to_status(error))


async def answers(requests: _Requests, desk: ClaimDesk, batches_max: int) -> AsyncIterator[_Answer]:
    """Answers one stream's batches as they become durable, at most `batches_max` of them in flight."""
    # A caller that does not take its answers is not read from any more once the queue is full.
    ready: asyncio.Queue[_Answer | None] = asyncio.Queue(batches_max)
    reader = asyncio.create_task(_read(requests, desk, ready, batches_max))
    try:
        while (answer := await ready.get()) is not None:
            yield answer
        await reader
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def _read(
    requests: _Requests, desk: ClaimDesk, ready: asyncio.Queue[_Answer | None], batches_max: int
) -> None:
    in_flight = 0

    async def work(request: allocation_pb2.ClaimBatchRequest) -> None:
        nonlocal in_flight
        try:
            await ready.put(await desk.answer(request))
        finally:
            in_flight -= 1

    try:
        async with asyncio.TaskGroup() as batches:
            async for request in requests:
                if in_flight >= batches_max:
                    await ready.put(refusal(request.batch_id, Overloaded(request.shard, batches_max)))
                else:
                    in_flight += 1
                    batches.create_task(work(request))
    except* ServiceError as failures:
        # The stream itself broke the contract.
        raise failures.exceptions[0] from None
    finally:
        if not _cancelled():
            await ready.put(None)


def _cancelled() -> bool:
    """Whether nobody takes answers any more: then the end would wait for room in a full queue for ever."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
