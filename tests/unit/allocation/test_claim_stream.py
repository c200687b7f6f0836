from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from hongbao.allocation.v1 import allocation_pb2
from services.allocation.api.claim_stream import ClaimDesk, answers

TURNS = 20
"""More turns of the loop than anything here needs to come to rest."""


class WillingDesk(ClaimDesk):
    """Answers every batch at once."""

    def __init__(self) -> None:
        pass

    async def answer(self, request: allocation_pb2.ClaimBatchRequest) -> allocation_pb2.ClaimBatchResponse:
        return allocation_pb2.ClaimBatchResponse(batch_id=request.batch_id)


async def batches(count: int) -> AsyncIterator[allocation_pb2.ClaimBatchRequest]:
    for batch_id in range(count):
        yield allocation_pb2.ClaimBatchRequest(batch_id=batch_id)
        await asyncio.sleep(0)


async def test_every_batch_is_answered_and_then_the_stream_ends() -> None:
    stream = answers(batches(10), WillingDesk(), 3)
    assert sorted([answer.batch_id async for answer in stream]) == list(range(10))


async def test_a_stream_ends_although_its_caller_took_no_answers_and_has_gone() -> None:
    stream = answers(batches(10), WillingDesk(), 1)
    assert isinstance(stream, AsyncGenerator)
    await anext(stream)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    leaving = asyncio.ensure_future(stream.aclose())
    done, _ = await asyncio.wait({leaving}, timeout=1)
    assert done, "the stream holds its place although nobody is there"
