"""The records of packets that move between shards, and what a snapshot keeps of them: both ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from hongbao.allocation.v1 import events_pb2, snapshot_pb2
from services.allocation.domain.lots import Lot, Parcel
from services.allocation.domain.stock import Stock
from services.allocation.domain.transfers import Answer, Request
from services.allocation.domain.values import StockId, StockTerms

_EVENT = events_pb2.AllocationEvent


class ParcelMessage(Protocol):
    """Any message with packets on their way."""

    @property
    def lots(self) -> Iterable[events_pb2.PacketLot]:
        """Which packets."""
        ...

    @property
    def amounts_fen(self) -> Iterable[int]:
        """What each is worth."""
        ...


def lots_of(messages: Iterable[events_pb2.PacketLot]) -> tuple[Lot, ...]:
    """The lots that messages name."""
    return tuple(Lot(lot.drawn_shard, lot.first_drawn_index, lot.packet_count) for lot in messages)


def lot_messages(lots: Iterable[Lot]) -> list[events_pb2.PacketLot]:
    """The lots as messages."""
    return [
        events_pb2.PacketLot(
            drawn_shard=lot.drawn_shard, first_drawn_index=lot.first_drawn_index, packet_count=lot.count
        )
        for lot in lots
    ]


def parcel_of(message: ParcelMessage) -> Parcel:
    """The packets that a message carries."""
    return Parcel(lots_of(message.lots), np.array(list(message.amounts_fen), np.int64))


def packets_requested(terms: StockTerms, request: Request) -> _EVENT:
    """The record of a request, before it is sent."""
    return _EVENT(packets_requested=_request_message(terms.stock_id, request))


def packets_sent(terms: StockTerms, answer: Answer) -> _EVENT:
    """The record of an answer: the packets in it leave."""
    sent = _answer_message(terms.stock_id, answer)
    sent.campaign_id = terms.campaign_id
    return _EVENT(packets_sent=sent)


def packets_received(terms: StockTerms, request: Request, parcel: Parcel) -> _EVENT:
    """The record of what a request was answered: the packets in it are here."""
    received = events_pb2.PacketsReceived(
        stock_id=terms.stock_id,
        campaign_id=terms.campaign_id,
        from_shard=request.from_shard,
        no=request.no,
        lots=lot_messages(parcel.lots),
        amounts_fen=parcel.amounts_fen.tolist(),
        amount_fen=parcel.amount_fen,
    )
    return _EVENT(packets_received=received)


def apply_transfer(stock: Stock, event: _EVENT) -> None:
    """Folds one of these records."""
    match event.WhichOneof("event"):
        case "packets_requested":
            stock.request(_request_of(event.packets_requested))
        case "packets_sent":
            stock.send(_answer_of(event.packets_sent))
        case "packets_received":
            received = event.packets_received
            stock.receive(received.from_shard, received.no, parcel_of(received))
        case other:
            raise ValueError(f"no packets move by {other}")


def transfers_snapshot(stock: Stock) -> snapshot_pb2.TransfersSnapshot:
    """What a snapshot keeps of a part's transfers, if there were any."""
    stock_id, transfers, holding = stock.terms.stock_id, stock.transfers, stock.holding
    taken = snapshot_pb2.TransfersSnapshot(
        lots=lot_messages(holding.lots),
        foreign_amounts_fen=holding.foreign_amounts_fen().tolist(),
        requests=[_request_message(stock_id, request) for request in transfers.requests()],
        answers=[_answer_message(stock_id, answer) for answer in transfers.answers()],
        packets_sent=transfers.packets_sent,
        sent_fen=transfers.sent_fen,
        packets_received=transfers.packets_received,
        received_fen=transfers.received_fen,
    )
    if transfers.outstanding is not None:
        taken.outstanding.CopyFrom(_request_message(stock_id, transfers.outstanding))
    return taken


def restore_transfers(stock: Stock, taken: snapshot_pb2.TransfersSnapshot) -> None:
    """Gives a part without winners back what a snapshot kept of its transfers."""
    transfers = stock.transfers
    transfers.restore(map(_request_of, taken.requests), map(_answer_of, taken.answers))
    transfers.outstanding = _request_of(taken.outstanding) if taken.HasField("outstanding") else None
    transfers.packets_sent, transfers.sent_fen = taken.packets_sent, taken.sent_fen
    transfers.packets_received, transfers.received_fen = taken.packets_received, taken.received_fen
    stock.restore_holding(lots_of(taken.lots), np.array(list(taken.foreign_amounts_fen), np.int64))


def _request_message(stock_id: StockId, request: Request) -> events_pb2.PacketsRequested:
    return events_pb2.PacketsRequested(
        stock_id=stock_id, from_shard=request.from_shard, no=request.no, wanted=request.wanted
    )


def _request_of(message: events_pb2.PacketsRequested) -> Request:
    return Request(message.from_shard, message.no, message.wanted)


def _answer_message(stock_id: StockId, answer: Answer) -> events_pb2.PacketsSent:
    return events_pb2.PacketsSent(
        stock_id=stock_id,
        to_shard=answer.to_shard,
        no=answer.no,
        lots=lot_messages(answer.parcel.lots),
        amounts_fen=answer.parcel.amounts_fen.tolist(),
        amount_fen=answer.parcel.amount_fen,
    )


def _answer_of(message: events_pb2.PacketsSent) -> Answer:
    return Answer(message.to_shard, message.no, parcel_of(message))
