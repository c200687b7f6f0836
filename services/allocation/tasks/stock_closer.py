"""Closes the parts of stocks on one shard when their time has come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hongbao.allocation.v1 import events_pb2
from services.allocation.domain import records
from services.allocation.domain.state import AllocationState
from services.allocation.domain.stock import Stock
from services.allocation.domain.values import Totals
from services.allocation.settings import AllocationSettings
from services.mesh.clock import Clock
from services.mesh.shards.host import Shard, ShardOverloaded
from services.mesh.wakeup import Wakeup


class StockCloser:
    """Watches the windows of one shard's stocks, while it is owned."""

    def __init__(
        self,
        shard: Shard[AllocationState],
        clock: Clock,
        settings: AllocationSettings,
        on_change: Callable[[], None],
        settle: Callable[[Stock], Awaitable[None]],
    ) -> None:
        """`settle` sees to it that nothing is on its way to a part from other shards."""
        self._settle = settle
        self._shard = shard
        self._clock = clock
        self._poll_ms = settings.closing_poll_ms
        self._busy_ms = settings.backoff_ms_min
        self._on_change = on_change
        self._changed = Wakeup()

    def wake(self) -> None:
        """Tells that there is a new stock."""
        self._changed.call()

    async def run(self) -> None:
        """Closes each stock at its time; never returns."""
        while True:
            sleep_ms = self._close_what_is_due()
            await self._changed.wait(sleep_ms / 1000, self._clock)

    async def close(self, stock: Stock) -> Totals:
        """Closes a part, whatever the time, and returns what became of it once that is durable.

        Raises `TransferPending` when packets may be on their way to it.
        """
        await self._settle(stock)
        if stock.closed is None:
            await self._commit(stock)
        await self._shard.settled()
        assert stock.closed is not None, "what was closed stays closed"  # noqa: S101 - an invariant
        return stock.closed

    def _close_what_is_due(self) -> int:
        """Milliseconds until there is more to do."""
        sleep_ms = self._poll_ms
        for stock in self._shard.state.stocks():
            if stock.closed is not None:
                continue
            left_ms = stock.terms.window.closes_ms - self._clock.now_ms()
            if left_ms <= 0 and stock.transfers.outstanding is not None:
                # No claim is accepted any more; the record follows once another shard has answered.
                left_ms = self._busy_ms
            elif left_ms <= 0:
                try:
                    self._commit(stock)
                except ShardOverloaded:
                    # No claim is accepted any more in any case; the record follows as soon as there is room.
                    left_ms = self._busy_ms
            if left_ms > 0:
                sleep_ms = min(sleep_ms, left_ms)
        return sleep_ms

    def _commit(self, stock: Stock) -> Awaitable[int]:
        closed = records.stock_closed(stock.terms, stock.totals)
        durable = self._shard.commit(events_pb2.AllocationEvent(stock_closed=closed))
        self._on_change()
        return durable
