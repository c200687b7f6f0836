"""The way of an order to an envelope that can be claimed: looked up, checked, recorded, paid for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hongbao.allocation.v1 import envelope_events_pb2, events_pb2
from services.allocation.api.held import AllocationShard
from services.allocation.domain.envelopes import records
from services.allocation.domain.envelopes.book import check_order
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.ports import Relations, Shares, check_sender
from services.allocation.domain.envelopes.sources import lineage_of, remembered_until_ms
from services.allocation.domain.envelopes.values import (
    EnvelopeId,
    EnvelopeShare,
    EnvelopeTerms,
    Order,
    ParentPacket,
    StockPacket,
    envelope_id_of,
)
from services.allocation.domain.values import Seed
from services.allocation.settings import AllocationSettings
from services.allocation.tasks.shard_tasks import ShardTasks
from services.mesh.clock import Clock
from services.mesh.telemetry import traceparent


class OrderDesk:
    """Turns orders into envelopes."""

    def __init__(
        self,
        tasks: ShardTasks,
        relations: Relations,
        shares: Shares,
        clock: Clock,
        settings: AllocationSettings,
        new_seed: Callable[[], bytes],
    ) -> None:
        """`new_seed` gives 32 secret bytes from a source that nobody can predict."""
        self._tasks = tasks
        self._relations = relations
        self._shares = shares
        self._clock = clock
        self._settings = settings
        self._new_seed = new_seed

    async def place(self, shard: AllocationShard, order: Order) -> Envelope:
        """The envelope of an order, paid for and durable. Raises what the contract says of the methods."""
        state = shard.state
        envelope_id = envelope_id_of(order.sender_id, order.request_id, state.shard_count)
        if state.envelopes.book.existing(envelope_id, order) is None:
            parent = await self._parent(shard, order)
            if parent is not None:
                order = replace(order, amount_fen=parent.amount_fen)
            check_order(order, self._settings.envelope_limits)
            await check_sender(self._relations, order)
            # The same order may have come a second time while others were asked.
            if state.envelopes.book.existing(envelope_id, order) is None:
                self._create(shard, envelope_id, order, parent)
        keeper = self._tasks.of(shard).envelopes
        return await keeper.funded(envelope_id, self._settings.envelope_wait_ms / 1000)

    def _create(
        self, shard: AllocationShard, envelope_id: EnvelopeId, order: Order, parent: ParentPacket | None
    ) -> None:
        envelopes, limits = shard.state.envelopes, self._settings.envelope_limits
        now_ms = self._clock.now_ms()
        if order.ask_id:
            envelopes.asks.ask(order.ask_id).check_open(now_ms)
        terms = EnvelopeTerms(
            envelope_id=envelope_id,
            order=order,
            share_min_fen=limits.share_fen_min,
            fund_ends_ms=now_ms + min(limits.funding_ms, limits.expiry_ms),
            expires_ms=now_ms + limits.expiry_ms,
        )
        if order.source is not None and parent is not None:
            envelopes.sources.check(order.sender_id, order.source, parent, now_ms, limits)
            terms = replace(
                terms,
                lineage=lineage_of(order.source, parent),
                source_until_ms=remembered_until_ms(parent, limits),
            )
        envelopes.book.check_room(order.sender_id, limits)
        created = records.created(terms, Seed(self._new_seed()))
        event = envelope_events_pb2.EnvelopeEvent(created=created)
        shard.commit(events_pb2.AllocationEvent(envelope=event), traceparent())
        self._tasks.of(shard).envelopes.begin(envelope_id)

    async def _parent(self, shard: AllocationShard, order: Order) -> ParentPacket | None:
        """The packet that is sent on; None for money of the sender's own."""
        match order.source:
            case StockPacket(stock_id):
                stock = shard.state.stock(stock_id)
                _, amount_fen = stock.packet_of(order.sender_id)
                return ParentPacket(amount_fen, stock.terms.window.closes_ms, ())
            case EnvelopeShare(envelope_id):
                return await self._shares.share(envelope_id, order.sender_id)
            case None:
                return None
