"""Streams that end when their shard has moved, even if its old owner is frozen and says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Coroutine
from typing import Any, TypeVar

ResponseT = TypeVar("ResponseT")


async def until(
    ended: Coroutine[Any, Any, None], stream: AsyncIterable[ResponseT]
) -> AsyncIterator[ResponseT]:
    """Passes the stream's elements on until it ends or `ended` returns. Raises what the stream raises."""
    elements = aiter(stream)
    ending = asyncio.ensure_future(ended)
    try:
        while True:
            reading = asyncio.ensure_future(_next(elements))
            try:
                await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
                response = reading.result() if reading.done() else None
            finally:
                # Also when this is cancelled just as the stream fails: then nobody asks for its error.
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            if response is None:
                return
            yield response
    finally:
        ending.cancel()


async def _next(stream: AsyncIterator[ResponseT]) -> ResponseT | None:
    """The next element, None at the end."""
    return await anext(stream, None)
