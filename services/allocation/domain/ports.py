"""What a round needs from others."""

from __future__ import annotations

from typing import Protocol

from services.allocation.domain.proofs import Statement
from services.allocation.domain.rounds import Round
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
