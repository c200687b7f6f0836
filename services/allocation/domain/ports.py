"""What a round needs from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.allocation.domain.lots import Parcel
from services.allocation.domain.proofs import Statement
from services.allocation.domain.rounds import Round
from services.allocation.domain.transfers import Request
from services.allocation.domain.values import BeaconValue, StockId, StockTerms, Totals


class Holds(Protocol):
    """Settlement's holds."""

    async def hold(self, found: Round) -> None:
        """Holds a round's budget, part by part. Idempotent by stock.

        Raises `FundsInsufficient`, any other refusal of settlement, or an error of transport.
        """
        ...


class ClosedRounds(Protocol):
    """Rounds that are over, wherever their homes are."""

    async def closed(self, stock_id: StockId) -> Statement | None:
        """What is public of a round; None as long as it is not closed on all shards.

        Raises an error of transport, or `SHARD_NOT_OWNED`, when its home does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class PeerStock:
    """Another shard's part of a stock, as far as it matters to one that ran dry."""

    packets_left: int
    """Packets that nobody has won, released or not."""
    packets_spare: int
    """Packets that it would send."""


class Peers(Protocol):
    """All shards of this service, wherever they are."""

    async def prepare(self, terms: StockTerms) -> None:
        """Gives a shard its part of a stock. Idempotent."""
        ...

    async def open(self, stock_id: StockId, shard: int, beacon: BeaconValue) -> None:
        """Gives a shard's part the value of the round's beacon. Idempotent."""
        ...

    async def close(self, stock_id: StockId, shard: int, *, early: bool) -> Totals:
        """Closes a shard's part and returns what became of it. Idempotent.

        Raises `STOCK_OPEN` with a retry delay when the shard's clock says that it is too early.
        """
        ...

    async def look(self, stock_id: StockId, shard: int) -> PeerStock:
        """What a shard has left, and can spare."""
        ...

    async def take(self, stock_id: StockId, request: Request, to_shard: int, *, final: bool) -> Parcel:
        """Takes what a shard can spare, for another one. Idempotent by the request's number.

        Args:
            stock_id: the stock.
            request: who is asked, and for how much; it is on record.
            to_shard: who asks.
            final: nothing is wanted any more, only the answer if there is one.
        """
        ...
