"""Follows the state of all stocks: one stream from every allocation process, as the shard map has them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from services.gateway.domain.rounds import PartPicture, Phase, RoundBoard
from services.mesh.background import start_background
from services.mesh.backoff import Backoff
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger
from services.mesh.settings import MeshSettings
from services.mesh.shards.map import ShardMap

_log = get_logger("gateway.stock_watch")

_PHASES = {
    allocation_pb2.STOCK_PHASE_SCHEDULED: Phase.SCHEDULED,
    allocation_pb2.STOCK_PHASE_OPEN: Phase.OPEN,
    allocation_pb2.STOCK_PHASE_SOLD_OUT: Phase.SOLD_OUT,
    allocation_pb2.STOCK_PHASE_CLOSED: Phase.CLOSED,
}


class StockWatch:
    """Keeps a board of rounds up to date."""

    def __init__(
        self,
        settings: MeshSettings,
        shard_map: ShardMap,
        channels: ChannelFactory,
        board: RoundBoard,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._map = shard_map
        self._channels = channels
        self._board = board
        self._clock = clock
        self._complete = asyncio.Event()
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to follow the owners."""
        self._task = start_background(self._follow_map(), "follow the owners of stocks")

    async def complete(self) -> None:
        """Returns once every shard has been heard of."""
        await self._complete.wait()

    async def close(self) -> None:
        """Ends all streams."""
        tasks = [*self._followers.values(), *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow_map(self) -> None:
        while True:
            version = self._map.version
            addresses = {owner.address for owner in self._map.owners().values()}
            for address in sorted(self._followers.keys() - addresses):
                self._followers.pop(address).cancel()
            for address in sorted(addresses - self._followers.keys()):
                self._followers[address] = start_background(
                    self._follow_owner(address), f"follow the stocks of {address}"
                )
            await self._map.changed(version)

    async def _follow_owner(self, address: str) -> None:
        """Reads one owner's pictures, opening the stream again for as long as the map names the owner."""
        backoff = Backoff(self._settings.backoff_ms_min, self._settings.backoff_ms_max)
        stub = allocation_pb2_grpc.ClaimServiceStub(self._channels.channel(address))
        while True:
            try:
                request = allocation_pb2.WatchStocksRequest(instance=self._settings.instance)
                async for picture in stub.WatchStocks(request):
                    backoff.reset()
                    self._take(picture)
            except ServiceError as error:
                _log.info("stock stream broke", address=address, reason=error.reason)
            await self._clock.sleep(backoff.next_s())

    def _take(self, picture: Any) -> None:
        self._board.replace(picture.shards, _parts(picture))
        if not self._complete.is_set() and self._board.has_heard_of_all():
            self._complete.set()


def _parts(picture: Any) -> Iterator[PartPicture]:
    for stock in picture.stocks:
        yield PartPicture(
            stock_id=stock.stock_id,
            shard=stock.shard,
            phase=_PHASES[stock.phase],
            closes_at_ms=stock.closes_at.ToMilliseconds(),
            tokens=stock.admission_tokens,
        )
