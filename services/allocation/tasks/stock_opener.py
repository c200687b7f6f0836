"""Gives shards their parts of stocks, and opens those that wait for a beacon.

The amounts are drawn before that is on record, and beside the loop: a part of millions takes most of a
second, in which claims of other stocks go on. So what speaks for the record is asked again after the draw.
"""

from __future__ import annotations

from hongbao.allocation.v1 import events_pb2
from services.allocation.domain import records
from services.allocation.domain.errors import BudgetInfeasible, PacketsTooMany, StocksTooMany
from services.allocation.domain.fairness_errors import BeaconConflict, BeaconNotAnnounced
from services.allocation.domain.release import check_table
from services.allocation.domain.state import AllocationState
from services.allocation.domain.stock import Stock
from services.allocation.domain.values import BeaconValue, DrawRule, StockTerms
from services.allocation.settings import AllocationSettings
from services.allocation.tasks.drawing import DrawRoom
from services.allocation.tasks.shard_tasks import ShardTasks
from services.mesh.shards.host import Shard
from services.mesh.telemetry import traceparent


class StockOpener:
    """Prepares and opens parts, on whichever shard."""

    def __init__(self, tasks: ShardTasks, room: DrawRoom, settings: AllocationSettings) -> None:
        self._tasks = tasks
        self._room = room
        self._settings = settings

    async def prepare(self, shard: Shard[AllocationState], terms: StockTerms) -> None:
        """Puts a part on record, unless it is. See the contract for what is raised."""
        if not self._is_new(shard, terms):
            return
        drawn_fen = None
        if terms.draw_rule is DrawRule.SEED:
            drawn_fen = await self._room.draw(terms)
            if not self._is_new(shard, terms):
                return
        prepared = records.stock_prepared(terms)
        with shard.state.drawn(drawn_fen):
            shard.commit(events_pb2.AllocationEvent(stock_prepared=prepared), traceparent())
        self._keep_drawn(shard, terms)
        work = self._tasks.of(shard)
        work.closer.wake()
        work.mover.wake()
        self._tasks.changed.call()

    async def open(self, shard: Shard[AllocationState], stock_id: str, beacon: BeaconValue) -> None:
        """Puts the beacon's value on a part's record, unless it is there. See the contract."""
        stock = shard.state.stock(stock_id)
        if not _is_shut(stock, beacon):
            return
        drawn_fen = await self._room.draw(stock.terms, beacon)
        if not _is_shut(stock, beacon):
            return
        opened = records.stock_opened(stock.terms, beacon)
        with shard.state.drawn(drawn_fen):
            shard.commit(events_pb2.AllocationEvent(stock_opened=opened), traceparent())
        self._keep_drawn(shard, stock.terms)
        self._tasks.changed.call()

    def _keep_drawn(self, shard: Shard[AllocationState], terms: StockTerms) -> None:
        """Has a snapshot keep what took long to draw; else who takes the shard after a crash draws again."""
        if terms.packets.count > self._settings.draw_inline_packets_max:
            shard.snapshot_soon()

    def _is_new(self, shard: Shard[AllocationState], terms: StockTerms) -> bool:
        if shard.state.existing_stock(terms) is not None:
            return False
        if not terms.packets.feasible:
            raise BudgetInfeasible(terms.packets)
        check_table(terms.window, terms.release_curve, terms.release_table_ppm)
        if terms.packets.count > self._settings.round_packets_max:
            raise PacketsTooMany(terms.packets.count, self._settings.round_packets_max)
        if shard.state.stock_count >= self._settings.stocks_per_shard_max:
            raise StocksTooMany(shard.number, self._settings.stocks_per_shard_max)
        return True


def _is_shut(stock: Stock, beacon: BeaconValue) -> bool:
    """Whether a part waits for its beacon still. One that was closed without it stays as it is."""
    if stock.terms.draw_rule is not DrawRule.SEED_AND_BEACON:
        raise BeaconNotAnnounced(stock.terms)
    if stock.beacon is not None and stock.beacon != beacon:
        raise BeaconConflict(stock.terms, stock.beacon)
    return stock.beacon is None and stock.closed is None
