"""The load: batches of claims over real `ClaimBatch` streams, and what the answers say.

Batches go out as bytes with packed ids, and answers are kept as bytes; they are read and checked after the
clock has stopped, so that on a small machine the load is no more than what a gateway's transport would be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from hongbao.allocation.v1 import allocation_pb2
from services.cli.bench.wire import packed, read_varint
from services.mesh.channel import ChannelFactory
from services.mesh.shards.hashing import shards_of

People = NDArray[np.int64]

METHOD = "/hongbao.allocation.v1.ClaimService/ClaimBatch"
FIRST_PERSON = 10_000_000_000
_PEOPLE_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """Claims that go out together."""

    batch_id: int
    stock_id: str
    shard: int
    people: People

    def encoded(self) -> bytes:
        """As the contract has it on the wire."""
        head = allocation_pb2.ClaimBatchRequest(
            batch_id=self.batch_id, stock_id=self.stock_id, shard=self.shard
        ).SerializeToString()
        return head + packed(allocation_pb2.ClaimBatchRequest.PERSON_IDS_FIELD_NUMBER, self.people)


@dataclass(slots=True)
class Answers:
    """What came back, as it came."""

    took_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    raw: dict[int, bytes] = field(default_factory=dict)
    """By batch."""


async def send(
    channels: ChannelFactory,
    address: str,
    lanes: Sequence[Iterable[Batch]],
    window: int,
    progress: Callable[[int], None],
) -> Answers:
    """Sends each lane over a stream of its own, `window` batches in flight on each, as fast as it goes.

    `progress` hears how many claims were answered by each batch. Raises what ends a stream.
    """
    answers = Answers()
    stub: Callable[[], Any] = channels.channel(address).stream_stream(METHOD)
    begun_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(_drive(stub(), iter(lane), window, answers, progress))
    answers.took_s = time.perf_counter() - begun_s
    return answers


async def _drive(
    call: Any, batches: Iterator[Batch], window: int, answers: Answers, progress: Callable[[int], None]
) -> None:
    under_way: dict[int, tuple[float, int]] = {}
    room = asyncio.Semaphore(window)

    async def write() -> None:
        for batch in batches:
            encoded = batch.encoded()
            await room.acquire()
            under_way[batch.batch_id] = time.perf_counter(), len(batch.people)
            await call.write(encoded)
        await call.done_writing()

    writing = asyncio.create_task(write())
    try:
        while (answer := await call.read()) is not grpc.aio.EOF:
            batch_id = _batch_id(answer)
            sent_s, claims = under_way.pop(batch_id)
            answers.latencies_s.append(time.perf_counter() - sent_s)
            answers.raw[batch_id] = answer
            room.release()
            progress(claims)
        await writing
    finally:
        writing.cancel()
        call.cancel()


def _batch_id(answer: bytes) -> int:
    """The first field of an answer, without reading the rest."""
    if answer[:1] != b"\x08":
        return 0
    return read_varint(answer, 1)[0]


def people_of_shards(shards: int, wanted: Sequence[int]) -> list[People]:
    """So many people for each shard, all different: the first ids that belong there."""
    found: list[list[People]] = [[] for _ in range(shards)]
    missing = list(wanted)
    first = FIRST_PERSON
    while any(count > 0 for count in missing):
        ids = np.arange(first, first + _PEOPLE_AT_ONCE, dtype=np.int64)
        first += _PEOPLE_AT_ONCE
        theirs = shards_of(ids, shards)
        for shard in range(shards):
            if missing[shard] > 0:
                taken = ids[theirs == shard][: missing[shard]]
                found[shard].append(taken)
                missing[shard] -= len(taken)
    return [np.concatenate(parts) if parts else np.zeros(0, np.int64) for parts in found]


def lanes_of(by_shard: Sequence[Sequence[Batch]], streams: int) -> list[list[Batch]]:
    """Deals the shards' batches out to streams: each shard to one, so that its order is kept."""
    return [
        [batch for batch in chain.from_iterable(zip_longest(*by_shard[lane::streams])) if batch is not None]
        for lane in range(min(streams, len(by_shard)))
    ]


@dataclass(slots=True)
class Tally:
    """What people were told, claim by claim."""

    wins: int = 0
    repeats: int = 0
    """Asked again, and told of the same packet."""
    refusals: int = 0
    refused_batches: int = 0
    """Batches of which nothing was decided; there must be none."""
    won_fen: int = 0
    wins_per_shard: dict[int, list[tuple[People, NDArray[np.int64], NDArray[np.int64]]]] = field(
        default_factory=dict
    )
    """People, packet indexes and amounts, batch by batch."""

    def count(self, batch: Batch, raw: bytes) -> None:
        """Adds the answer to a batch."""
        answer = allocation_pb2.ClaimBatchResponse.FromString(raw)
        if answer.HasField("error"):
            self.refused_batches += 1
            return
        outcomes = np.array(answer.outcomes, np.uint8)
        amounts = np.array(answer.amounts_fen, np.int64)
        won = outcomes == allocation_pb2.CLAIM_OUTCOME_WON
        wins = int(won.sum())
        repeats = int((outcomes == allocation_pb2.CLAIM_OUTCOME_ALREADY_WON).sum())
        self.wins += wins
        self.repeats += repeats
        self.refusals += len(outcomes) - wins - repeats
        self.won_fen += int(amounts[won].sum())
        indexes = np.array(answer.packet_indexes, np.int64)
        self.wins_per_shard.setdefault(batch.shard, []).append(
            (batch.people[won], indexes[won], amounts[won])
        )

    def winners(self, shard: int, packet_count: int) -> tuple[People, NDArray[np.int64]]:
        """Who was told of each packet of a shard, and of how much; 0 where nobody was."""
        people = np.zeros(packet_count, np.int64)
        amounts = np.zeros(packet_count, np.int64)
        for who, indexes, fen in self.wins_per_shard.get(shard, ()):
            people[indexes] = who
            amounts[indexes] = fen
        return people, amounts
