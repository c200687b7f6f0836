"""The claim streams: one to each allocation process, opened when needed and again after a failure."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import grpc
from opentelemetry.trace import SpanKind

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from services.gateway.domain.batching import Batch
from services.mesh.background import start_background
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.interceptors.errors import from_status
from services.mesh.interceptors.tracing import describe
from services.mesh.shards.waiting import wait_at_most
from services.mesh.telemetry import ActiveSpan, Telemetry

CLAIM_BATCH = "hongbao.allocation.v1.ClaimService/ClaimBatch"
LINKS_MAX = 32
"""Sampled taps of one batch, beyond the first, that its span is linked to."""


class StreamLost(ServiceError):
    """The stream ended before the answer came; the claims may have been granted, and may be sent again."""

    kind = ErrorKind.UNAVAILABLE
    reason = "UNREACHABLE"


class ClaimStreams:
    """Sends batches to owners by address."""

    def __init__(self, channels: ChannelFactory, telemetry: Telemetry, clock: Clock) -> None:
        self._channels = channels
        self._telemetry = telemetry
        self._clock = clock
        self._streams: dict[str, _ClaimStream] = {}
        self._batch_ids = itertools.count(1)

    async def ask(self, address: str, batch: Batch[Any], timeout_s: float) -> Any:
        """Sends a batch and returns its `ClaimBatchResponse`, whose columns fit the batch.

        Raises `StreamLost`, also when the time passes, and what the owner refused the whole batch with.
        """
        span = self._begin_span(batch)
        request = allocation_pb2.ClaimBatchRequest(
            batch_id=next(self._batch_ids),
            stock_id=batch.stock_id,
            shard=batch.shard,
            person_ids=batch.person_ids,
            trace_context=span.traceparent if span is not None else "",
        )
        error: str | None = "CANCELLED"
        try:
            response = await self._stream(address).ask(request, timeout_s, self._clock)
            if response.HasField("error"):
                raise from_status(response.error)
            error = None
        except ServiceError as failure:
            error = failure.reason
            raise
        finally:
            if span is not None:
                span.end(error)
        return response

    async def close(self) -> None:
        """Ends all streams; whoever waits gets `StreamLost`."""
        streams = list(self._streams.values())
        self._streams.clear()
        for stream in streams:
            await stream.close()

    def _stream(self, address: str) -> _ClaimStream:
        stream = self._streams.get(address)
        if stream is None or stream.is_lost:
            for other, old in list(self._streams.items()):
                if old.is_lost:
                    del self._streams[other]
            stub = allocation_pb2_grpc.ClaimServiceStub(self._channels.channel(address))
            stream = self._streams[address] = _ClaimStream(stub.ClaimBatch())
        return stream

    def _begin_span(self, batch: Batch[Any]) -> ActiveSpan | None:
        """The client span of a batch: part of its first sampled tap's trace, linked to the others'."""
        if not batch.traceparents:
            return None
        first, *others = batch.traceparents
        span = self._telemetry.start_span(
            CLAIM_BATCH,
            kind=SpanKind.CLIENT,
            parent=first,
            links=others[:LINKS_MAX],
            attributes={"hongbao.claims": len(batch.person_ids), "hongbao.shard": batch.shard},
        )
        describe(span, CLAIM_BATCH)
        return span


class _ClaimStream:
    """One stream: batches out, answers back in any order."""

    def __init__(self, call: Any) -> None:
        self.is_lost = False
        self._call = call
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._writing = asyncio.Lock()
        self._reader = start_background(self._read(), "claim answers")

    async def ask(self, request: Any, timeout_s: float, clock: Clock) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[request.batch_id] = answer
        try:
            if not await wait_at_most(self._exchange(request, answer), timeout_s, clock):
                raise StreamLost(f"no answer in {timeout_s:.3f} s")
            response = answer.result()
        finally:
            self._waiting.pop(request.batch_id, None)
        if isinstance(response, StreamLost):
            raise response.with_traceback(None)
        if not response.HasField("error") and len(response.outcomes) != len(request.person_ids):
            raise StreamLost(f"{len(response.outcomes)} answers to {len(request.person_ids)} claims")
        return response

    async def close(self) -> None:
        self._lose(StreamLost("the gateway is closing"))
        self._call.cancel()
        self._reader.cancel()

    async def _exchange(self, request: Any, answer: asyncio.Future[Any]) -> None:
        # gRPC takes one message at a time.
        async with self._writing:
            await self._write(request)
        await answer

    async def _write(self, request: Any) -> None:
        try:
            await self._call.write(request)
        except (ServiceError, asyncio.InvalidStateError) as failure:
            self._lose(StreamLost(f"the claim stream has ended: {failure}"))

    async def _read(self) -> None:
        try:
            while (response := await self._call.read()) is not grpc.aio.EOF:
                answer = self._waiting.get(response.batch_id)
                # Whoever gave up waiting is not there any more.
                if answer is not None and not answer.done():
                    answer.set_result(response)
            self._lose(StreamLost("the owner ended the claim stream"))
        except ServiceError as failure:
            self._lose(StreamLost(f"the claim stream broke: {failure}"))
        except asyncio.CancelledError:
            # Also when a write was given up half-way, to an owner that took nothing: that ends the call.
            self._lose(StreamLost("the claim stream was cancelled"))
            raise

    def _lose(self, failure: StreamLost) -> None:
        self.is_lost = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(failure)
