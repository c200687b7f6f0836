"""The proof of a draw: every amount of a closed round, recomputed from its revealed seed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.allocation.domain.draw import Column, draw
from services.allocation.domain.values import Packets, Seed, StockId
from services.cli.operator import Operator


@dataclass(frozen=True, slots=True)
class DrawProof:
    """What came out of recomputing a round."""

    stock_id: str
    packets: int
    """Packets whose amounts were compared."""
    won_fen: int
    """Sum of the amounts that were paid out."""
    complaint: str
    """The first thing that does not fit, in words; empty when all does."""

    @property
    def holds(self) -> bool:
        """Whether the draw was what the commitment promised."""
        return not self.complaint


class Mismatch(Exception):
    """Something about a round is not what its seed and its commitment say; the message names it."""


@dataclass(slots=True)
class _Tally:
    packets: int = 0
    won_fen: int = 0


async def verify_round(operator: Operator, played: allocation.Round) -> DrawProof:
    """Recomputes a closed round's amounts and compares them with what every shard says was won."""
    tally = _Tally()
    complaint = ""
    try:
        check_seed(played)
        for part in played.parts:
            amounts = draw(Seed(played.seed), StockId(played.stock_id), part.shard, _packets(played, part))
            await _check_part(part.shard, amounts, operator.packets(played.stock_id, part.shard), tally)
        _check_totals(played, tally)
    except Mismatch as mismatch:
        complaint = str(mismatch)
    return DrawProof(played.stock_id, tally.packets, tally.won_fen, complaint)


def check_seed(played: allocation.Round) -> None:
    """Raises `Mismatch` unless the round is closed and its seed is the one that was committed to."""
    if played.phase != allocation.ROUND_PHASE_CLOSED:
        raise Mismatch("the round is not closed yet; its seed is revealed when it is")
    if hashlib.sha256(played.seed).digest() != played.seed_commitment:
        raise Mismatch("the revealed seed is not the one that was committed to")
    if sum(part.budget_fen for part in played.parts) != played.budget_fen:
        raise Mismatch("the parts do not add up to the budget")
    if sum(part.packet_count for part in played.parts) != played.packet_count:
        raise Mismatch("the parts do not add up to the number of packets")


def check_page(shard: int, amounts: Column, page: allocation.ListPacketsResponse, winners: set[int]) -> None:
    """Raises `Mismatch` for the first packet whose amount is not the drawn one, or whose person won before.

    `winners` are the persons of the pages before this one; those of this page are added.
    """
    for index, person_id, amount_fen in zip(
        page.packet_indexes, page.person_ids, page.amounts_fen, strict=True
    ):
        where = f"packet {index} of shard {shard}"
        if not 0 <= index < len(amounts):
            raise Mismatch(f"{where} does not exist")
        if amount_fen != int(amounts[index]):
            raise Mismatch(f"{where} paid {amount_fen} fen, the seed gives {int(amounts[index])}")
        if person_id in winners:
            raise Mismatch(f"{where} is the second one of the same person")
        winners.add(person_id)


async def _check_part(
    shard: int, amounts: Column, pages: AsyncIterator[allocation.ListPacketsResponse], tally: _Tally
) -> None:
    winners: set[int] = set()
    async for page in pages:
        check_page(shard, amounts, page, winners)
        tally.packets += len(page.packet_indexes)
        tally.won_fen += sum(page.amounts_fen)


def _check_totals(played: allocation.Round, tally: _Tally) -> None:
    if (tally.packets, tally.won_fen) != (played.totals.packets_won, played.totals.won_fen):
        raise Mismatch(
            f"{tally.packets} packets of {tally.won_fen} fen are listed, "
            f"the totals say {played.totals.packets_won} of {played.totals.won_fen}"
        )


def _packets(played: allocation.Round, part: allocation.StockPart) -> Packets:
    return Packets(
        count=part.packet_count,
        budget_fen=part.budget_fen,
        min_fen=played.packet_min_fen,
        max_fen=played.packet_max_fen,
    )
