"""The draw: the amounts of a part of a stock, fixed by the round's seed, and by a beacon if it has one.

These are the published rules (numbers 1 and 2); the service's README states them for those who want to
recompute them. They use nothing but SHA-256, the key stream of AES-256 in counter mode, and whole numbers, so
any language gives the same amounts. A cipher's key stream is used rather than a statistical generator because
amounts become known as they are won: from a million of them, nobody may learn the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

from services.allocation.domain.values import (
    BEACON_BYTES_MAX,
    BEACON_BYTES_MIN,
    SEED_BYTES,
    BeaconValue,
    Packets,
    Seed,
    StockId,
)

NUMBERS_MAX = 16
"""Most numbers that a packet is the smallest of, with certainty. It bounds the skew: see `_shape`."""

_ONE = 1 << 32
"""Words of the key stream are fractions of this."""
_ORDER, _CHOICE, _ROUNDING, _FIRST_NUMBER = range(4)
"""Columns of the key stream: what each is used for."""
_CHUNK_WORDS = 1 << 18
"""Packets are drawn in pieces that stay in the processor's cache."""

Column = NDArray[np.uint16] | NDArray[np.uint32]
Words = NDArray[np.uint32]


def draw(
    seed: Seed, stock_id: StockId, shard: int, packets: Packets, beacon: BeaconValue | None = None
) -> Column:
    """The amounts of all packets of a part, fen, by index. Their sum is the budget, exactly.

    Without a beacon this is rule 1. With one it is rule 2, which differs in the key alone.

    Every packet is first the smallest of a few random numbers, scaled so that the mean is right: many small
    ones, few large ones, all the way up to the largest. What the sum then lacks, or has too much, is shared
    out evenly, and the last few fen in a random order. No position is favoured: each has the same odds.

    Takes about 0.15 s for a million packets.
    """
    assert len(seed) == SEED_BYTES, "a seed has 32 bytes"
    assert packets.feasible, f"only what is feasible can be drawn: {packets}"
    stream = _KeyStream(_key(seed, stock_id, shard, beacon), packets.count)
    room = packets.max_fen - packets.min_fen
    above_min = packets.budget_fen - packets.count * packets.min_fen
    below_max = packets.count * room - above_min
    # Above half of the room, packets are drawn as what they lack to the largest one.
    mirrored = below_max < above_min
    extras = _draw_extras(stream, packets.count, room, min(above_min, below_max))
    amounts = np.subtract(packets.max_fen, extras) if mirrored else np.add(packets.min_fen, extras)
    total_fen = int(amounts.sum(dtype=np.int64))
    assert total_fen == packets.budget_fen, "the draw pays out the budget, exactly"
    assert packets.min_fen <= int(amounts.min()), "no packet is below the smallest"
    assert int(amounts.max()) <= packets.max_fen, "no packet is above the largest"
    return amounts.astype(np.uint16) if packets.max_fen < 1 << 16 else amounts.astype(np.uint32)


def _draw_extras(stream: _KeyStream, count: int, room: int, total: int) -> Words:
    """Draws `count` whole numbers from 0 to `room` with the given sum, which is at most half of all room."""
    extras = np.zeros(count, np.uint32)
    if total == 0:
        return extras
    scale, numbers, threshold = _shape(count, room, total)
    start = 0
    for choice, rounding, first, *others, last in stream.chunks(_CHOICE, _FIRST_NUMBER + numbers + 1):
        smallest = first.copy()
        for other in others:
            np.minimum(smallest, other, out=smallest)
        np.minimum(smallest, last, out=smallest, where=choice >= threshold)
        # A 32-bit fraction times the scale, rounded up or down at random so that the mean stays what it is.
        scaled = (smallest.astype(np.uint64) * np.uint64(scale) + rounding) >> np.uint64(32)
        extras[start : start + len(scaled)] = scaled
        start += len(scaled)
    _correct(extras, room, total, stream)
    return extras


def _shape(count: int, room: int, total: int) -> tuple[int, int, int]:
    """Scale, how many numbers a packet is the smallest of, and how often (of 2^32) it is not one more.

    The smallest of `k` random fractions has the mean `1 / (k + 1)`. So with the wanted mean at `1 / r` of the
    scale and `k + 1 <= r <= k + 2`, a choice between `k` and `k + 1` numbers gives it exactly. Where packets
    could be very much larger than their mean, the scale is cut so that `r` stays about `NUMBERS_MAX + 1`.
    """
    scale = min(room, -(-(NUMBERS_MAX + 1) * total // count))
    numbers = min(max(scale * count // total - 1, 1), NUMBERS_MAX)
    threshold = (total * (numbers + 2) - scale * count) * (numbers + 1) * _ONE // (scale * count)
    return scale, numbers, min(max(threshold, 0), _ONE)


def _correct(extras: Words, room: int, total: int, stream: _KeyStream) -> None:
    """Changes numbers until their sum is `total`, each by the same as far as its bounds allow.

    As long as everyone who can still change could change by 1, all do. The rest goes by 1 to those who come
    first in the order of the key stream.
    """
    missing = total - int(extras.sum(dtype=np.int64))
    while missing:
        can = np.flatnonzero(extras < room if missing > 0 else extras > 0)
        each = abs(missing) // len(can)
        if each == 0:
            chosen = can[_first_in_order(stream.order()[can], abs(missing))]
            extras[chosen] += np.uint32(1) if missing > 0 else np.uint32(0xFFFF_FFFF)  # -1, as it wraps
            return
        present = extras[can].astype(np.int64)
        change = np.minimum(each, room - present) if missing > 0 else -np.minimum(each, present)
        extras[can] = (present + change).astype(np.uint32)
        missing -= int(change.sum())


def _first_in_order(keys: NDArray[np.uint64], count: int) -> NDArray[np.bool_]:
    """Marks the `count` smallest keys; of equal ones, those with the lower index."""
    threshold = np.partition(keys, count - 1)[count - 1]
    chosen: NDArray[np.bool_] = keys < threshold
    equal = np.flatnonzero(keys == threshold)
    chosen[equal[: count - int(chosen.sum())]] = True
    return chosen


def _key(seed: Seed, stock_id: StockId, shard: int, beacon: BeaconValue | None) -> bytes:
    """The key of one part's random words."""
    head = b"hongbao draw 1\0" + seed
    if beacon is not None:
        assert BEACON_BYTES_MIN <= len(beacon) <= BEACON_BYTES_MAX, "a beacon has 16 to 64 bytes"
        head = b"hongbao draw 2\0" + seed + len(beacon).to_bytes(1, "big") + beacon
    name = stock_id.encode()
    return hashlib.sha256(head + len(name).to_bytes(2, "big") + name + shard.to_bytes(4, "big")).digest()


class _KeyStream:
    """The random words of one part: columns with a word for every packet."""

    def __init__(self, key: bytes, count: int) -> None:
        self._key = key
        self._count = count

    def chunks(self, first: int, after_last: int) -> Iterator[list[Words]]:
        """The columns from `first` up to `after_last`, in pieces of equal length, with 32-bit words."""
        ciphers = [self._column(column) for column in range(first, after_last)]
        for start in range(0, self._count, _CHUNK_WORDS):
            zeros = bytes(4 * min(_CHUNK_WORDS, self._count - start))
            yield [np.frombuffer(cipher.update(zeros), "<u4") for cipher in ciphers]

    def order(self) -> NDArray[np.uint64]:
        """The column that orders packets, with 64-bit words."""
        order, cipher = np.empty(self._count, "<u8"), self._column(_ORDER)
        # In pieces as well: the cipher lets no other thread run while it is at it.
        for start in range(0, self._count, _CHUNK_WORDS):
            piece = order[start : start + _CHUNK_WORDS]
            piece[:] = np.frombuffer(cipher.update(bytes(piece.nbytes)), "<u8")
        return order

    def _column(self, column: int) -> CipherContext:
        # The counter's upper half is the column, its lower half counts blocks.
        return Cipher(algorithms.AES(self._key), modes.CTR((column << 64).to_bytes(16, "big"))).encryptor()
