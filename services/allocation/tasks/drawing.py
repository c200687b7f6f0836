"""Where the amounts of large parts are drawn: beside the loop, which claims of other stocks go on over."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from services.allocation.domain.draw import Column, draw
from services.allocation.domain.values import BeaconValue, StockTerms


class DrawRoom:
    """Draws parts of stocks, a few at a time; no more can wait than a server takes calls."""

    def __init__(self, threads: int, inline_packets_max: int) -> None:
        """Parts of at most `inline_packets_max` packets are drawn at once, on the loop."""
        self._inline_packets_max = inline_packets_max
        # Threads of its own: whoever waits for a disk in the loop's pool must not wait for draws. They live
        # as long as the process, and end with it: no draw takes longer than seconds.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="draw")

    async def draw(self, terms: StockTerms, beacon: BeaconValue | None = None) -> Column:
        """The amounts of a part, fen. The shard may have been lost meanwhile, and its state have changed."""
        inputs = (terms.seed, terms.stock_id, terms.shard, terms.packets, beacon)
        if terms.packets.count <= self._inline_packets_max:
            return draw(*inputs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, draw, *inputs)
