"""Fetches packets that nobody claims elsewhere for the parts of one shard that ran dry.

Two records in two journals: the taker's request, then the giver's answer; a third, the taker's, says that the
answer has come. Whatever dies in between, the request is on record, is asked again by whoever owns the shard
then, and is answered with the same packets. A part has one request under way at most, and is not closed
before it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from services.allocation.domain.pace import Pace
from services.allocation.domain.ports import Peers, PeerStock
from services.allocation.domain.state import AllocationState
from services.allocation.domain.stock import Stock
from services.allocation.domain.transfer_errors import TransferPending
from services.allocation.domain.transfer_records import packets_received, packets_requested
from services.allocation.domain.transfers import Request
from services.allocation.domain.values import StockId
from services.allocation.settings import AllocationSettings
from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.logs import get_logger
from services.mesh.shards.host import Shard
from services.mesh.wakeup import Wakeup

_log = get_logger("allocation.leftovers")


@dataclass(slots=True)
class _Watch:
    """What is known of one part and of its siblings, by this owner and for this term."""

    pace: Pace
    backoff: Backoff
    next_peer: int
    """Who is looked at next."""
    looked_at: int = 0
    """How many others were looked at in vain."""
    not_before_s: float = 0.0
    """No attempt before this moment."""
    left: dict[int, int] = field(default_factory=dict)
    """How many packets each other shard had left when it was last looked at."""
    work: asyncio.Task[None] | None = None
    """The attempt under way."""


class LeftoverMover:
    """Watches the stocks of one shard while they are open, and the shard is owned."""

    def __init__(
        self,
        shard: Shard[AllocationState],
        peers: Peers,
        clock: Clock,
        settings: AllocationSettings,
        on_change: Callable[[], None],
    ) -> None:
        """`on_change` is called when packets have come, so that whoever watches the stock looks again."""
        self._shard = shard
        self._shard_count = shard.state.shard_count
        self._peers = peers
        self._clock = clock
        self._settings = settings
        self._on_change = on_change
        self._changed = Wakeup()
        self._watches: dict[StockId, _Watch] = {}
        self._closing: set[StockId] = set()

    def wake(self) -> None:
        """Tells that there is a new stock."""
        self._changed.call()

    async def run(self) -> None:
        """Looks at every open stock again and again; never returns."""
        while True:
            sleep_ms = self._look_around()
            await self._changed.wait(sleep_ms / 1000, self._clock)

    def spare(self, stock: Stock) -> int:
        """How many packets of a part other shards can have now."""
        watch = self._watches.get(stock.terms.stock_id)
        return 0 if watch is None else watch.pace.spare(stock, self._clock.now_ms())

    async def settle(self, stock: Stock) -> None:
        """Sees to it that no packets are on their way to a part, and asks for no more: it may be closed then.

        Raises `TransferPending` when the shard that was asked does not answer now.
        """
        self._closing.add(stock.terms.stock_id)
        asked = stock.transfers.outstanding
        if asked is None:
            return
        try:
            await self._fetch(stock, asked, final=True)
        except ServiceError as error:
            self._shard.check_open()
            raise TransferPending(stock.terms, asked.from_shard, asked.no) from error

    def _look_around(self) -> int:
        """Starts what has to be done; milliseconds until the next look."""
        now_ms, sleep_ms = self._clock.now_ms(), self._settings.closing_poll_ms
        for stock in self._shard.state.stocks():
            stock_id, window = stock.terms.stock_id, stock.terms.window
            if stock.closed is not None:
                self._watches.pop(stock_id, None)
                self._closing.discard(stock_id)
            elif now_ms < window.opens_ms:
                sleep_ms = min(sleep_ms, window.opens_ms - now_ms)
            else:
                sleep_ms = min(sleep_ms, self._settings.leftover_tick_ms)
                self._look_at(stock, now_ms)
        return sleep_ms

    def _look_at(self, stock: Stock, now_ms: int) -> None:
        watch = self._watches.get(stock.terms.stock_id) or self._begin(stock)
        watch.pace.note(stock, now_ms)
        is_idle = watch.work is None or watch.work.done()
        if is_idle and self._clock.monotonic_s() >= watch.not_before_s and self._has_to_act(stock, now_ms):
            try:
                watch.work = self._shard.spawn(self._act(stock, watch), "leftovers")
            except ServiceError:
                self._pause(watch)

    def _begin(self, stock: Stock) -> _Watch:
        settings = self._settings
        stock.leftovers_may_come = settings.leftover_moves and self._shard_count > 1
        watch = self._watches[stock.terms.stock_id] = _Watch(
            Pace(settings.leftover_reserve_ms),
            Backoff(settings.leftover_tick_ms, settings.leftover_pause_ms_max),
            next_peer=(self._shard.number + 1) % self._shard_count,
        )
        return watch

    def _has_to_act(self, stock: Stock, now_ms: int) -> bool:
        if stock.transfers.outstanding is not None:
            return True
        if not self._may_ask(stock) or stock.available(now_ms):
            return False
        # Once nothing was left anywhere, no claims come here any more, and only a look now and then tells.
        wanted_since_ms = now_ms - self._settings.leftover_reserve_ms
        return stock.ran_dry_ms >= wanted_since_ms or not stock.leftovers_may_come

    def _may_ask(self, stock: Stock) -> bool:
        """Whether packets can come to a part at all."""
        settings, window = self._settings, stock.terms.window
        return (
            settings.leftover_moves
            and self._shard_count > 1
            and stock.closed is None
            and stock.is_drawn
            and window.opens_ms <= self._clock.now_ms() < window.closes_ms
            and stock.terms.stock_id not in self._closing
            and stock.transfers.requests_made < settings.leftover_requests_max
        )

    async def _act(self, stock: Stock, watch: _Watch) -> None:
        """One attempt to get packets; what fails is tried again later."""
        try:
            asked = stock.transfers.outstanding or await self._ask_somebody(stock, watch)
            if asked is None:
                self._go_on(watch)
                return
            is_over = self._clock.now_ms() >= stock.terms.window.closes_ms
            await self._fetch(stock, asked, final=is_over)
        except ServiceError as error:
            _log.info("leftovers_not_fetched", stock_id=stock.terms.stock_id, error=str(error))
            self._pause(watch)
        else:
            watch.backoff.reset()
            self._rest(watch)

    async def _ask_somebody(self, stock: Stock, watch: _Watch) -> Request | None:
        """Puts a request to the shard that can spare most on record; None when nobody can spare anything."""
        spare = await self._look_at_peers(stock, watch)
        from_shard = max(spare, key=lambda shard: spare[shard], default=None)
        # Others have worked meanwhile: what was dry may not be any more, or be about to close.
        if from_shard is None or not spare[from_shard] or not self._may_ask(stock):
            return None
        # Whoever has some may have more.
        watch.next_peer, watch.looked_at = from_shard, 0
        used = watch.pace.used(stock, self._clock.now_ms()) or 0
        wanted = min(max(used, self._settings.leftover_packets_min), self._settings.leftover_packets_max)
        request = stock.next_request(from_shard, wanted)
        # Nobody is asked before it is sure that the answer will be fetched, whatever happens.
        await self._shard.commit(packets_requested(stock.terms, request))
        failpoint("leftover.requested")
        return request

    async def _look_at_peers(self, stock: Stock, watch: _Watch) -> dict[int, int]:
        """What the next few of the other shards can spare; takes in whether any of them has packets left."""
        others = [(watch.next_peer + step) % self._shard_count for step in range(self._shard_count)]
        peers = [shard for shard in others if shard != self._shard.number]
        looked_at = peers[: self._settings.leftover_peers_max]
        watch.next_peer = (looked_at[-1] + 1) % self._shard_count
        watch.looked_at += len(looked_at)
        answers = await asyncio.gather(*(self._look(stock, shard) for shard in looked_at))
        spare: dict[int, int] = {}
        for shard, answer in zip(looked_at, answers, strict=True):
            if answer is None:
                watch.left.pop(shard, None)
            else:
                watch.left[shard] = answer.packets_left
                spare[shard] = answer.packets_spare
        # Whoever was not heard of may have some.
        may_come = len(watch.left) < len(peers) or any(watch.left.values())
        if may_come != stock.leftovers_may_come:
            stock.leftovers_may_come = may_come
            self._on_change()
        return spare

    async def _look(self, stock: Stock, shard: int) -> PeerStock | None:
        try:
            return await self._peers.look(stock.terms.stock_id, shard)
        except ServiceError:
            return None  # Somebody else may have packets; this one is looked at again.

    async def _fetch(self, stock: Stock, asked: Request, *, final: bool) -> None:
        """Gets the answer to a request, and puts it on record, unless somebody else did meanwhile."""
        # The request may have been made by the part's last owner, or be on its way to the disk.
        await self._shard.settled()
        parcel = await self._peers.take(stock.terms.stock_id, asked, self._shard.number, final=final)
        failpoint("leftover.arrived")
        if stock.transfers.outstanding == asked:
            self._shard.commit(packets_received(stock.terms, asked, parcel))
            failpoint("leftover.received")
            if parcel.count:
                self._on_change()
                _log.info(
                    "leftovers_received",
                    stock_id=stock.terms.stock_id,
                    shard=self._shard.number,
                    from_shard=asked.from_shard,
                    packets=parcel.count,
                )

    def _go_on(self, watch: _Watch) -> None:
        """After a look in vain: to the next few at once, and to all again only after a pause."""
        if watch.looked_at < self._shard_count - 1:
            self._rest(watch)
        else:
            watch.looked_at = 0
            self._pause(watch)

    def _rest(self, watch: _Watch) -> None:
        watch.not_before_s = self._clock.monotonic_s() + self._settings.leftover_tick_ms / 1000

    def _pause(self, watch: _Watch) -> None:
        watch.not_before_s = self._clock.monotonic_s() + watch.backoff.next_s()
