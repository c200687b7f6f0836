"""A shard's state: the fold of its journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from hongbao.allocation.v1 import events_pb2, snapshot_pb2
from services.allocation.domain import records
from services.allocation.domain.amounts import packed_amounts, unpacked_amounts
from services.allocation.domain.draw import Column
from services.allocation.domain.envelopes.fold import Envelopes
from services.allocation.domain.rounds import Campaign, Round, Rounds
from services.allocation.domain.stock import Stock
from services.allocation.domain.stock_errors import StockConflict, StockUnknown
from services.allocation.domain.transfer_records import (
    apply_transfer,
    restore_transfers,
    transfers_snapshot,
)
from services.allocation.domain.values import BeaconValue, StockId, StockTerms, first_difference
from services.mesh.timestamps import milliseconds, timestamp


class AllocationState:
    """Parts of stocks on this shard, and the campaigns whose home it is."""

    def __init__(self, shard: int, shard_count: int) -> None:
        self.shard = shard
        self.shard_count = shard_count
        self.rounds = Rounds()
        self.envelopes = Envelopes(shard)
        self._stocks: dict[StockId, Stock] = {}
        self._drawn_fen: Column | None = None

    @property
    def stock_count(self) -> int:
        """Number of stocks, closed ones included."""
        return len(self._stocks)

    def stocks(self) -> Iterable[Stock]:
        """All stocks, in the order of their preparation."""
        return self._stocks.values()

    def stock(self, stock_id: str) -> Stock:
        """This shard's part of a stock. Raises `StockUnknown`."""
        found = self._stocks.get(StockId(stock_id))
        if found is None:
            raise StockUnknown(StockId(stock_id), self.shard)
        return found

    def existing_stock(self, terms: StockTerms) -> Stock | None:
        """The part if it was prepared with the same terms. Raises `StockConflict` when with others."""
        found = self._stocks.get(terms.stock_id)
        if found is not None and (field := first_difference(found.terms, terms)) is not None:
            raise StockConflict(terms, field)
        return found

    @contextmanager
    def drawn(self, amounts_fen: Column | None) -> Iterator[None]:
        """Within, the record that fixes a part's amounts finds them here and need not draw them.

        They must be the drawn ones: replay draws for itself. None for a part that waits for its beacon.
        """
        self._drawn_fen = amounts_fen
        try:
            yield
        finally:
            self._drawn_fen = None

    def apply(
        self,
        seq: int,  # noqa: ARG002 - part of the port
        time_ms: int,
        event: events_pb2.AllocationEvent,
    ) -> None:
        """See `ShardState.apply`."""
        match event.WhichOneof("event"):
            case "packets_won":
                won = event.packets_won
                people = np.array(won.person_ids, np.int64)
                amounts = np.array(won.amounts_fen, np.int64)
                self._stocks[StockId(won.stock_id)].add(won.first_packet_index, people, amounts)
            case "stock_prepared":
                terms = records.stock_terms(event.stock_prepared)
                assert terms.shard == self.shard, "a shard is given its own part"
                self._stocks[terms.stock_id] = Stock(terms, self.shard_count, self._drawn_fen)
            case "packets_requested" | "packets_sent" | "packets_received" as kind:
                apply_transfer(self._stocks[StockId(getattr(event, kind).stock_id)], event)
            case "stock_opened":
                opened = event.stock_opened
                beacon = BeaconValue(opened.beacon_value)
                self._stocks[StockId(opened.stock_id)].open(beacon, self._drawn_fen)
            case "stock_closed":
                closed = event.stock_closed
                self._stocks[StockId(closed.stock_id)].close(records.totals_of(closed))
            case "envelope":
                self.envelopes.apply(time_ms, event.envelope)
            case "campaign_created":
                terms_of_campaign = records.campaign_terms(event.campaign_created)
                self.rounds.add_campaign(Campaign(terms_of_campaign, time_ms))
            case "round_created":
                created = records.round_of(event.round_created)
                created.announced_ms = time_ms
                self.rounds.add_round(created)
            case _:
                self._apply_to_round(event)

    def snapshot(self) -> bytes:
        """See `ShardState.snapshot`."""
        return self.freeze()()

    def freeze(self) -> Callable[[], bytes]:
        """See `FreezableState.freeze`.

        Winners, drawn amounts and envelopes stay out of the message at first: of those there are very many,
        but they only grow or never change, so they are read later.
        """
        taken = snapshot_pb2.ShardSnapshot()
        for campaign in self.rounds.campaigns():
            taken.campaigns.add(
                created=records.campaign_created(campaign.terms),
                created_at=timestamp(campaign.created_ms),
            )
        for found in self.rounds.all_rounds():
            kept = taken.rounds.add(
                created=records.round_created(found),
                funded=found.funded,
                prepared=found.prepared,
                ended=found.ended,
                announced_at=timestamp(found.announced_ms),
                beacon_value=found.beacon or b"",
            )
            if found.totals is not None:
                kept.closed.CopyFrom(records.round_closed(found, found.totals))
        columns = [(stock.people(0, stock.packet_count), stock.drawn) for stock in self._stocks.values()]
        for stock in self._stocks.values():
            part = taken.stocks.add(
                prepared=records.stock_prepared(stock.terms), beacon_value=stock.beacon or b""
            )
            if stock.transfers.any:
                part.transfers.CopyFrom(transfers_snapshot(stock))
            if stock.closed is not None:
                part.closed.CopyFrom(records.stock_closed(stock.terms, stock.closed))
        write_out_envelopes = self.envelopes.freeze()

        def write_out() -> bytes:
            taken.envelopes.CopyFrom(write_out_envelopes())
            for part, (people, drawn) in zip(taken.stocks, columns, strict=True):
                part.person_ids = people.astype("<i8").tobytes()
                part.draw = packed_amounts(drawn)
            written: bytes = taken.SerializeToString(deterministic=True)
            return written

        return write_out

    def restore(self, state: bytes) -> None:
        """See `ShardState.restore`."""
        taken = snapshot_pb2.ShardSnapshot.FromString(state)
        self.envelopes.restore(taken.envelopes)
        for campaign in taken.campaigns:
            terms = records.campaign_terms(campaign.created)
            self.rounds.add_campaign(Campaign(terms, milliseconds(campaign.created_at)))
        for kept in taken.rounds:
            found = records.round_of(kept.created)
            found.funded, found.prepared, found.ended = kept.funded, kept.prepared, kept.ended
            found.announced_ms = milliseconds(kept.announced_at)
            found.beacon = BeaconValue(kept.beacon_value) if kept.beacon_value else None
            if kept.HasField("closed"):
                found.totals = records.totals_of(kept.closed)
            self.rounds.add_round(found)
        for part in taken.stocks:
            stock_terms = records.stock_terms(part.prepared)
            # Where a snapshot has no amounts, they are drawn again.
            drawn = unpacked_amounts(part.draw, stock_terms.packets)
            stock = Stock(stock_terms, self.shard_count, drawn)
            if part.beacon_value:
                stock.open(BeaconValue(part.beacon_value), drawn)
            if part.HasField("transfers"):
                restore_transfers(stock, part.transfers)
            people = np.frombuffer(part.person_ids, "<i8").astype(np.int64)
            stock.add(0, people, stock.drawn_fen(len(people)))
            if part.HasField("closed"):
                stock.close(records.totals_of(part.closed))
            self._stocks[stock.terms.stock_id] = stock

    def _apply_to_round(self, event: events_pb2.AllocationEvent) -> None:
        match event.WhichOneof("event"):
            case "round_funded":
                self._round(event.round_funded.stock_id).funded = True
            case "round_refused":
                self.rounds.drop_round(StockId(event.round_refused.stock_id))
            case "round_prepared":
                self._round(event.round_prepared.stock_id).prepared = True
            case "round_ended":
                self._round(event.round_ended.stock_id).ended = True
            case "beacon_published":
                awaiting = self._round(event.beacon_published.stock_id)
                assert awaiting.awaits_beacon, "a round has one beacon with one value"
                awaiting.beacon = BeaconValue(event.beacon_published.value)
            case "round_closed":
                found = self._round(event.round_closed.stock_id)
                totals = records.totals_of(event.round_closed)
                budget_fen = found.terms.packets.budget_fen
                assert totals.won_fen + totals.returned_fen == budget_fen, "every fen is won or returned"
                found.totals = totals
            case other:
                raise ValueError(f"a record of allocation cannot be {other}")

    def _round(self, stock_id: str) -> Round:
        found = self.rounds.find(StockId(stock_id))
        assert found is not None, "a round's records follow its creation"
        return found
