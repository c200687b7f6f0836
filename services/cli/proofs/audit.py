"""What was won of a round, put beside what its seed gives. Whether it comes from a mesh or from a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.draw import Column
from services.allocation.domain.proofs import Mismatch, Statement


@dataclass(frozen=True, slots=True)
class Run:
    """Packets won one after the other on one shard, that also follow each other in one draw."""

    shard: int
    """Where they were won."""
    packet_index: int
    """Place of the first in the order of winning there."""
    drawn_shard: int
    """Whose draw they are of."""
    drawn_index: int
    """Index of the first there."""
    amounts_fen: NDArray[np.int64]


class Audit:
    """Recomputes what it is told, run by run: shards in order, their packets in the order of winning.

    Keeps the amounts of all draws it was asked for, 2 bytes a packet (4 where packets may be above 655.35
    yuan), and a bit for each packet that was won.
    """

    def __init__(self, statement: Statement) -> None:
        """Raises `Mismatch` when the statement itself does not hold."""
        statement.check()
        self.statement = statement
        self.packets = 0
        """Packets that were compared, all of them won."""
        self.packets_moved = 0
        """Those among them that were won on another shard than the one that drew them."""
        self.won_fen = 0
        self._parts = statement.parts()
        self._columns: dict[int, Column] = {}
        self._won = [_Marks(part.count) for part in self._parts]
        self._shard = 0
        self._packets_of_shard = 0
        self._won_fen_of_shard = 0

    def add(self, run: Run) -> None:
        """Compares a run. Raises `Mismatch` for its first packet that is not what the draw gives."""
        if run.shard != self._shard:
            raise Mismatch(f"packets of shard {run.shard} stand where those of shard {self._shard} belong")
        if run.shard >= len(self._parts):
            raise Mismatch(f"there is no shard {run.shard}, of {len(self._parts)} shards")
        if run.packet_index != self._packets_of_shard:
            raise Mismatch(
                f"after {self._packets_of_shard} packets of shard {run.shard} comes number {run.packet_index}"
            )
        count = len(run.amounts_fen)
        if not 0 <= run.drawn_shard < len(self._parts):
            raise Mismatch(f"there is no draw of shard {run.drawn_shard}")
        if not 0 <= run.drawn_index <= self._parts[run.drawn_shard].count - count:
            index = run.drawn_index if run.drawn_index < 0 else run.drawn_index + count - 1
            raise Mismatch(f"the draw of shard {run.drawn_shard} has no packet {index}")
        self._compare(run)
        twice = self._won[run.drawn_shard].mark(run.drawn_index, count)
        if twice is not None:
            raise Mismatch(f"packet {twice} of the draw of shard {run.drawn_shard} was won twice")
        self._packets_of_shard += count
        self._won_fen_of_shard += int(run.amounts_fen.sum())
        if run.drawn_shard != run.shard:
            self.packets_moved += count

    def end_shard(self, shard: int, packets_won: int | None = None, won_fen: int | None = None) -> None:
        """Goes on to the next shard. Raises `Mismatch` unless the sums are those of what was compared."""
        if shard != self._shard:
            raise Mismatch(f"the sums of shard {shard} stand where those of shard {self._shard} belong")
        counted, counted_fen = self._packets_of_shard, self._won_fen_of_shard
        if packets_won not in {None, counted}:
            raise Mismatch(f"shard {shard} is said to have {packets_won} winners, it lists {counted}")
        if won_fen not in {None, counted_fen}:
            raise Mismatch(f"shard {shard} is said to have given {won_fen} fen, it lists {counted_fen}")
        self.packets += counted
        self.won_fen += counted_fen
        self._shard, self._packets_of_shard, self._won_fen_of_shard = shard + 1, 0, 0

    def end(self, packets_won: int, won_fen: int, returned_fen: int) -> None:
        """Compares the round's totals, after all shards. Raises `Mismatch`."""
        if self._shard != len(self._parts):
            raise Mismatch(f"shard {self._shard} of {len(self._parts)} is missing")
        if packets_won != self.packets:
            raise Mismatch(f"the totals say {packets_won} packets were won, {self.packets} are listed")
        if won_fen != self.won_fen:
            raise Mismatch(f"the totals say {won_fen} fen were won, {self.won_fen} are listed")
        left_fen = self.statement.budget_fen - self.won_fen
        if returned_fen != left_fen:
            raise Mismatch(f"the totals say {returned_fen} fen were returned, {left_fen} are left")

    def _compare(self, run: Run) -> None:
        drawn = self._column(run.drawn_shard)[run.drawn_index : run.drawn_index + len(run.amounts_fen)]
        same = drawn == run.amounts_fen
        if same.all():
            return
        first = int(np.argmin(same))
        raise Mismatch(
            f"packet {run.packet_index + first} of shard {run.shard}, {run.drawn_index + first} of the draw "
            f"of shard {run.drawn_shard}, is said to be {run.amounts_fen[first]} fen; "
            f"the draw gives {drawn[first]}"
        )

    def _column(self, shard: int) -> Column:
        column = self._columns.get(shard)
        if column is None:
            column = self._columns[shard] = self.statement.draw(shard)
        return column


class _Marks:
    """A bit for each packet of a draw."""

    def __init__(self, count: int) -> None:
        self._bits = np.zeros(-(-count // 8), np.uint8)

    def mark(self, start: int, count: int) -> int | None:
        """Marks packets that follow each other; the index of the first that was marked before, if any."""
        first, after = start // 8, -(-(start + count) // 8)
        bits = np.unpackbits(self._bits[first:after])
        wanted = bits[start - 8 * first : start - 8 * first + count]
        if wanted.any():
            return start + int(np.argmax(wanted))
        wanted[:] = 1
        self._bits[first:after] = np.packbits(bits)
        return None
