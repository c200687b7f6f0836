"""A claim stream to an owner that was frozen is not used again once it thaws."""

from __future__ import annotations

import asyncio

import pytest

from hongbao.allocation.v1 import allocation_pb2
from services.gateway.adapters.claim_streams import StreamLost, _ClaimStream
from services.mesh.clock import SystemClock


class FrozenCall:
    """A call whose other side takes nothing: as in gRPC, giving up a write cancels all of it."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    async def write(self, _request: allocation_pb2.ClaimBatchRequest) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()

    async def read(self) -> allocation_pb2.ClaimBatchResponse:
        await self.cancelled.wait()
        raise asyncio.CancelledError

    def cancel(self) -> None:
        self.cancelled.set()


async def test_a_stream_on_which_a_write_was_given_up_counts_as_lost() -> None:
    stream = _ClaimStream(FrozenCall())
    request = allocation_pb2.ClaimBatchRequest(batch_id=1, person_ids=[1])
    with pytest.raises(StreamLost):
        await stream.ask(request, 0.01, SystemClock())
    async with asyncio.timeout(5):
        while not stream.is_lost:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0)
    await stream.close()
