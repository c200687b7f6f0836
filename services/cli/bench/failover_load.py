"""Steady claims from callers that follow the shards, and what each of them was told and when.

Batches are sent at fixed times whether those before were answered or not, as people tap: a shard that nobody
serves for a moment shows in the time that its batches took, and not in a load that waits politely.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from services.cli.bench.claim_load import FIRST_PERSON, People
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.interceptors.errors import from_status
from services.mesh.shards.hashing import shards_of
from services.mesh.shards.router import ShardRouter

ANSWER_DEADLINE_S = 30.0
"""What a batch gets, however often it is sent again."""
IN_FLIGHT_MAX = 4096
"""Batches of one shard that are under way at once; at a shard that is away for long nobody claims."""
_PEOPLE_AT_ONCE = 1 << 18


class LineLost(ServiceError):
    """The stream to an owner ended; what it carried may be sent again."""

    kind = ErrorKind.UNAVAILABLE
    domain = "hongbao.cli"
    reason = "LINE_LOST"


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch that was answered."""

    shard: int
    sent_s: float
    """On the monotonic clock."""
    answered_s: float
    people: People
    outcomes: np.ndarray
    packet_indexes: np.ndarray
    amounts_fen: np.ndarray

    @property
    def took_ms(self) -> float:
        """How long its people waited, milliseconds."""
        return (self.answered_s - self.sent_s) * 1000


@dataclass(slots=True)
class SteadyLoad:
    """Claims by people who never claimed before, on all shards."""

    router: ShardRouter
    channels: ChannelFactory
    stock_id: str
    batch_claims: int
    every_s: float
    """Time between two batches of one shard."""
    answered: list[Asked] = field(default_factory=list)
    failed: list[ServiceError] = field(default_factory=list)
    """What callers were told in the place of an answer; there must be none."""
    held_back: int = 0
    """Batches that were not sent because too many were under way."""
    _lines: dict[str, _Line] = field(default_factory=dict)
    _newcomers: Newcomers = field(init=False)

    def __post_init__(self) -> None:
        self._newcomers = Newcomers(self.router.map.shard_count)

    async def run(self) -> None:
        """Sends until cancelled, and then waits for what is under way."""
        async with asyncio.TaskGroup() as batches:
            try:
                await asyncio.gather(
                    *(self._send_steadily(shard, batches) for shard in range(self.router.map.shard_count))
                )
            except asyncio.CancelledError:
                # The batches that are under way belong to the group, which waits for their answers.
                task = asyncio.current_task()
                assert task is not None  # noqa: S101 - whoever runs is a task
                task.uncancel()

    async def fill(self, claims: int) -> None:
        """Lets so many people of each shard win, as fast as it goes."""
        size = 4_096

        async def fill_shard(shard: int) -> None:
            for start in range(0, claims, size):
                await self._ask(shard, self._newcomers.take(shard, min(size, claims - start)))

        await asyncio.gather(*(fill_shard(shard) for shard in range(self.router.map.shard_count)))

    def first_answer_s(self, shard: int, since_s: float) -> float | None:
        """When the first batch of a shard was answered at or after a moment; None while none was."""
        answered = reversed(self.answered)
        times = [
            asked.answered_s
            for asked in itertools.takewhile(lambda asked: asked.answered_s >= since_s, answered)
            if asked.shard == shard
        ]
        return min(times, default=None)

    async def close(self) -> None:
        """Ends the streams."""
        for line in self._lines.values():
            line.close()

    async def _send_steadily(self, shard: int, batches: asyncio.TaskGroup) -> None:
        under_way: set[asyncio.Task[None]] = set()
        # Shards take turns within the interval, so that they do not all send at the same moment.
        due_s = time.monotonic() + self.every_s * shard / self.router.map.shard_count
        while True:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            due_s += self.every_s
            if len(under_way) >= IN_FLIGHT_MAX:
                self.held_back += 1
                continue
            task = batches.create_task(self._ask(shard, self._newcomers.take(shard, self.batch_claims)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    async def _ask(self, shard: int, people: People) -> None:
        sent_s = time.monotonic()

        async def attempt(address: str, timeout_s: float) -> allocation_pb2.ClaimBatchResponse:
            request = allocation_pb2.ClaimBatchRequest(
                stock_id=self.stock_id, shard=shard, person_ids=people.tolist()
            )
            return await self._line(address).ask(request, timeout_s)

        try:
            answer = await self._until_there_is_room(shard, attempt)
        except ServiceError as error:
            self.failed.append(error)
            return
        self.answered.append(
            Asked(
                shard,
                sent_s,
                time.monotonic(),
                people,
                np.array(answer.outcomes, np.uint8),
                np.array(answer.packet_indexes, np.int64),
                np.array(answer.amounts_fen, np.int64),
            )
        )

    async def _until_there_is_room(
        self, shard: int, attempt: Callable[[str, float], Awaitable[allocation_pb2.ClaimBatchResponse]]
    ) -> allocation_pb2.ClaimBatchResponse:
        """An owner that has just taken over refuses some of what waited for it, and says until when."""
        ends_s = time.monotonic() + ANSWER_DEADLINE_S
        while True:
            try:
                return await self.router.call(shard, attempt, ends_s - time.monotonic())
            except ServiceError as refusal:
                pause_s = (refusal.retry_delay_ms or 0) / 1000
                if refusal.kind is not ErrorKind.EXHAUSTED or time.monotonic() + pause_s >= ends_s:
                    raise
            await asyncio.sleep(pause_s)

    def _line(self, address: str) -> _Line:
        line = self._lines.get(address)
        if line is None or line.is_lost:
            stub = allocation_pb2_grpc.ClaimServiceStub(self.channels.channel(address))
            line = self._lines[address] = _Line(stub.ClaimBatch())
        return line


class Newcomers:
    """People who never claimed before, shard by shard."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._first = FIRST_PERSON
        self._ready: list[People] = [np.zeros(0, np.int64) for _ in range(shards)]

    def take(self, shard: int, count: int) -> People:
        """So many of one shard."""
        while len(self._ready[shard]) < count:
            ids = np.arange(self._first, self._first + _PEOPLE_AT_ONCE, dtype=np.int64)
            self._first += _PEOPLE_AT_ONCE
            theirs = shards_of(ids, self._shards)
            for number, ready in enumerate(self._ready):
                self._ready[number] = np.concatenate([ready, ids[theirs == number]])
        taken, self._ready[shard] = self._ready[shard][:count], self._ready[shard][count:]
        return taken


class _Line:
    """One stream to one owner."""

    def __init__(self, call: Any) -> None:
        self.is_lost = False
        self._call = call
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[allocation_pb2.ClaimBatchResponse | None]] = {}
        self._writing = asyncio.Lock()
        self._reader = asyncio.create_task(self._read())

    async def ask(
        self, request: allocation_pb2.ClaimBatchRequest, timeout_s: float
    ) -> allocation_pb2.ClaimBatchResponse:
        """Sends a batch and returns its answer. Raises `LineLost`, and what the owner refused it with."""
        request.batch_id = next(self._numbers)
        answer = self._waiting[request.batch_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                async with self._writing:
                    await self._write(request)
                found: allocation_pb2.ClaimBatchResponse | None = await answer
        except TimeoutError:
            raise LineLost("no answer in time") from None
        finally:
            del self._waiting[request.batch_id]
        if found is None:
            raise LineLost("the stream has ended")
        if found.HasField("error"):
            raise from_status(found.error)
        return found

    def close(self) -> None:
        """Ends it."""
        self._reader.cancel()
        self._call.cancel()

    async def _write(self, request: allocation_pb2.ClaimBatchRequest) -> None:
        if self.is_lost:
            raise LineLost("the stream has ended")
        try:
            await self._call.write(request)
        except (ServiceError, asyncio.InvalidStateError) as failure:
            self._lose()
            raise LineLost(str(failure)) from failure

    async def _read(self) -> None:
        try:
            while (answer := await self._call.read()) is not grpc.aio.EOF:
                waiter = self._waiting.get(answer.batch_id)
                if waiter is not None and not waiter.done():
                    waiter.set_result(answer)
        except ServiceError:
            # Whoever waits is told that the line is lost, and asks the next owner.
            pass
        finally:
            self._lose()

    def _lose(self) -> None:
        self.is_lost = True
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_result(None)
