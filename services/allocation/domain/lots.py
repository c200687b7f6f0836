"""The packets of a part by position: its own, and those that came from other shards.

The seed fixes which packets a shard draws, and what each is worth. Packets that nobody has won may move to a
shard that ran dry. They keep their identity: the shard that drew them, and their index in its draw.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.draw import Column

_GROWTH = 5, 4
"""A column that has to grow does so by a quarter, so that growing again and again stays cheap."""


@dataclass(frozen=True, slots=True)
class Lot:
    """Packets that follow each other in the draw of one shard."""

    drawn_shard: int
    first_drawn_index: int
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """Packets that move from one shard to another, in order."""

    lots: tuple[Lot, ...]
    amounts_fen: NDArray[np.int64]
    """What each packet is worth, in the order of the lots."""

    def __post_init__(self) -> None:
        assert sum(lot.count for lot in self.lots) == len(self.amounts_fen), "every packet has its amount"

    @property
    def count(self) -> int:
        """Number of packets."""
        return len(self.amounts_fen)

    @property
    def amount_fen(self) -> int:
        """What they are worth together."""
        return int(self.amounts_fen.sum())

    def same_as(self, other: Parcel) -> bool:
        """Whether both have the same packets."""
        return self.lots == other.lots and np.array_equal(self.amounts_fen, other.amounts_fen)


NO_PACKETS = Parcel((), np.zeros(0, np.int64))


class Holding:
    """What a part holds, by position. Winners take from the front, other shards from the back."""

    def __init__(self, shard: int, packet_count: int) -> None:
        """Begins with what the shard draws itself; the amounts come with `fill`."""
        self._shard = shard
        self._lots = [Lot(shard, 0, packet_count)]
        self._starts = [0]
        self._amounts_fen: Column = np.zeros(0, np.uint16)
        self._is_own_column = False
        self._count = packet_count

    def fill(self, drawn: Column) -> None:
        """Takes the drawn amounts, which are only read."""
        assert len(self._amounts_fen) == 0, "amounts are drawn once"
        assert len(drawn) == self._count, "every packet has an amount"
        self._amounts_fen = drawn

    def __len__(self) -> int:
        return self._count

    @property
    def lots(self) -> tuple[Lot, ...]:
        """The packets in the order of their positions."""
        return tuple(self._lots)

    def amounts_at(self, positions: NDArray[np.int64]) -> Column:
        """What the packets at these positions are worth, in the narrow form in which it is kept."""
        return self._amounts_fen[positions]

    def amounts_fen(self, start: int, stop: int) -> NDArray[np.int64]:
        """What the packets from `start` up to `stop` are worth."""
        return self._amounts_fen[start : min(stop, self._count)].astype(np.int64)

    def identity(self, position: int) -> tuple[int, int]:
        """The shard that drew the packet at a position, and its index there."""
        assert 0 <= position < self._count, "there is a packet at this position"
        place = bisect_right(self._starts, position) - 1
        lot = self._lots[place]
        return lot.drawn_shard, lot.first_drawn_index + position - self._starts[place]

    def identities(self, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """As `identity`, for all positions from `start` up to `stop`: two columns."""
        positions = np.arange(start, max(start, min(stop, self._count)))
        starts = np.array(self._starts, np.int64)
        places = np.searchsorted(starts, positions, side="right") - 1
        shards = np.array([lot.drawn_shard for lot in self._lots], np.int64)
        firsts = np.array([lot.first_drawn_index for lot in self._lots], np.int64)
        return shards[places], firsts[places] + positions - starts[places]

    def foreign_amounts_fen(self) -> NDArray[np.int64]:
        """What the packets are worth that other shards drew, in the order of their positions."""
        pieces = [
            self.amounts_fen(start, start + lot.count)
            for lot, start in zip(self._lots, self._starts, strict=True)
            if lot.drawn_shard != self._shard
        ]
        return np.concatenate([np.zeros(0, np.int64), *pieces])

    def restore(self, lots: tuple[Lot, ...], foreign_amounts_fen: NDArray[np.int64]) -> None:
        """Takes over what a snapshot kept; the amounts that this shard drew must be there."""
        drawn, used = self._amounts_fen, 0
        starts = [0, *accumulate(lot.count for lot in lots)]
        column = np.empty(starts[-1], drawn.dtype)
        for lot, start in zip(lots, starts, strict=False):
            here = column[start : start + lot.count]
            if lot.drawn_shard == self._shard:
                here[:] = drawn[lot.first_drawn_index : lot.first_drawn_index + lot.count]
            else:
                here[:] = foreign_amounts_fen[used : used + lot.count]
                used += lot.count
        assert used == len(foreign_amounts_fen), "every amount belongs to a lot"
        self._amounts_fen = column
        self._is_own_column = True
        self._count = len(self._amounts_fen)
        self._lots = list(lots)
        self._starts = starts[: len(lots)]

    def last(self, count: int) -> Parcel:
        """The last packets, which stay where they are."""
        assert 0 <= count <= self._count, "nobody can have more than there is"
        lots: list[Lot] = []
        missing = count
        for lot in reversed(self._lots):
            if not missing:
                break
            taken = min(missing, lot.count)
            lots.append(Lot(lot.drawn_shard, lot.first_drawn_index + lot.count - taken, taken))
            missing -= taken
        return Parcel(tuple(reversed(lots)), self.amounts_fen(self._count - count, self._count))

    def drop_last(self, count: int) -> None:
        """Takes the last packets away."""
        assert 0 <= count <= self._count, "nobody can have more than there is"
        self._count -= count
        while count:
            lot = self._lots.pop()
            start = self._starts.pop()
            kept = max(0, lot.count - count)
            count -= lot.count - kept
            if kept:
                self._lots.append(replace(lot, count=kept))
                self._starts.append(start)

    def append(self, parcel: Parcel) -> None:
        """Puts packets behind those that are there."""
        self._make_room(parcel.count)
        for lot in parcel.lots:
            last = self._lots[-1] if self._lots else None
            if last is not None and _continues(last, lot):
                self._lots[-1] = replace(last, count=last.count + lot.count)
            else:
                self._starts.append(self._starts[-1] + last.count if last is not None else 0)
                self._lots.append(lot)
        self._amounts_fen[self._count : self._count + parcel.count] = parcel.amounts_fen
        self._count += parcel.count

    def _make_room(self, count: int) -> None:
        needed = self._count + count
        if self._is_own_column and needed <= len(self._amounts_fen):
            return
        grown, whole = _GROWTH
        room = np.empty(max(needed, self._count * grown // whole), self._amounts_fen.dtype)
        room[: self._count] = self._amounts_fen[: self._count]
        self._amounts_fen = room
        self._is_own_column = True


def _continues(last: Lot, lot: Lot) -> bool:
    is_next = last.first_drawn_index + last.count == lot.first_drawn_index
    return last.drawn_shard == lot.drawn_shard and is_next
