"""The proof of a draw: every amount of a closed round, recomputed from its revealed seed."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.allocation.domain.proofs import Mismatch
from services.allocation.domain.proofs_contract import statement_of
from services.cli.proofs.audit import Audit, Run


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


class PacketLists(Protocol):
    """Where the packets that were won are read, shard by shard."""

    def packets(self, stock_id: str, shard: int) -> AsyncIterator[allocation.ListPacketsResponse]:
        """All packets won on one shard, page by page."""
        ...


async def verify_round(lists: PacketLists, played: allocation.Round) -> DrawProof:
    """Recomputes a closed round's amounts and compares them with what every shard says was won."""
    audit: Audit | None = None
    complaint = ""
    try:
        check_round(played)
        audit = Audit(statement_of(played))
        for part in played.parts:
            await _check_part(part.shard, lists.packets(played.stock_id, part.shard), audit)
        audit.end(played.totals.packets_won, played.totals.won_fen, played.totals.returned_fen)
    except Mismatch as mismatch:
        complaint = str(mismatch)
    packets, won_fen = (audit.packets, audit.won_fen) if audit is not None else (0, 0)
    return DrawProof(played.stock_id, packets, won_fen, complaint)


def check_round(played: allocation.Round) -> None:
    """Raises `Mismatch` unless the round is closed, sound, and split as the rule says."""
    if played.phase != allocation.ROUND_PHASE_CLOSED:
        raise Mismatch("the round is not closed yet; its seed is revealed when it is")
    statement = statement_of(played)
    statement.check()
    for shard, (said, part) in enumerate(zip(played.parts, statement.parts(), strict=True)):
        if (said.shard, said.packet_count, said.budget_fen) != (shard, part.count, part.budget_fen):
            raise Mismatch(
                f"part {shard} is said to be {said.packet_count} packets of {said.budget_fen} fen; "
                f"the split gives {part.count} of {part.budget_fen}"
            )


def runs_of(shard: int, page: allocation.ListPacketsResponse) -> Iterator[Run]:
    """A page's packets, cut wherever they do not follow each other, on the shard or in a draw."""
    if not page.packet_indexes:
        return
    indexes = np.array(page.packet_indexes, np.int64)
    drawn_shards = np.array(page.drawn_shards, np.int64)
    drawn_indexes = np.array(page.drawn_indexes, np.int64)
    amounts_fen = np.array(page.amounts_fen, np.int64)
    cuts = 1 + np.flatnonzero(
        (np.diff(drawn_shards) != 0) | (np.diff(drawn_indexes) != 1) | (np.diff(indexes) != 1)
    )
    bounds = [0, *cuts.tolist(), len(indexes)]
    for start, stop in itertools.pairwise(bounds):
        yield Run(
            shard=shard,
            packet_index=int(indexes[start]),
            drawn_shard=int(drawn_shards[start]),
            drawn_index=int(drawn_indexes[start]),
            amounts_fen=amounts_fen[start:stop],
        )


def check_people(shard: int, page: allocation.ListPacketsResponse, winners: set[int]) -> None:
    """Raises `Mismatch` for the first person who won before.

    `winners` are the persons of the pages before this one; those of this page are added.
    """
    for index, person_id in zip(page.packet_indexes, page.person_ids, strict=True):
        if person_id in winners:
            raise Mismatch(f"packet {index} of shard {shard} is the second one of the same person")
        winners.add(person_id)


async def _check_part(shard: int, pages: AsyncIterator[allocation.ListPacketsResponse], audit: Audit) -> None:
    winners: set[int] = set()
    async for page in pages:
        for run in runs_of(shard, page):
            audit.add(run)
        check_people(shard, page, winners)
    audit.end_shard(shard)
