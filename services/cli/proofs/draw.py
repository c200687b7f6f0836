"""The proof of a draw: every amount of a closed round, recomputed from its revealed seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.allocation.domain.draw import draw_amounts
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


async def verify_round(operator: Operator, played: allocation.Round) -> DrawProof:
    """Recomputes a closed round's amounts and compares them with what every shard says was won."""
    packets = won_fen = 0

    def failed(complaint: str) -> DrawProof:
        return DrawProof(played.stock_id, packets, won_fen, complaint)

    if played.phase != allocation.ROUND_PHASE_CLOSED:
        return failed("the round is not closed yet; its seed is revealed when it is")
    if hashlib.sha256(played.seed).digest() != played.seed_commitment:
        return failed("the revealed seed is not the one that was committed to")
    for part in played.parts:
        amounts = draw_amounts(
            played.seed,
            played.stock_id,
            part.shard,
            packet_count=part.packet_count,
            budget_fen=part.budget_fen,
            packet_min_fen=played.packet_min_fen,
            packet_max_fen=played.packet_max_fen,
        )
        if int(amounts.sum()) != part.budget_fen:
            return failed(f"the amounts of shard {part.shard} do not add up to its budget")
        winners: set[int] = set()
        async for page in operator.packets(played.stock_id, part.shard):
            for index, person_id, amount_fen in zip(
                page.packet_indexes, page.person_ids, page.amounts_fen, strict=True
            ):
                packets += 1
                won_fen += amount_fen
                where = f"packet {index} of shard {part.shard}"
                if not 0 <= index < part.packet_count or amount_fen != int(amounts[index]):
                    return failed(f"{where} paid {amount_fen} fen, which is not what the seed gives")
                if person_id in winners:
                    return failed(f"{where} is the second one of the same person")
                winners.add(person_id)
    if (packets, won_fen) != (played.totals.packets_won, played.totals.won_fen):
        return failed(f"{packets} packets of {won_fen} fen are listed, the totals say otherwise")
    return DrawProof(played.stock_id, packets, won_fen, "")
