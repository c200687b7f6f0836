"""Drawn amounts as a snapshot keeps them, so that whoever takes a shard over need not draw millions again."""

from __future__ import annotations

import numpy as np

from services.allocation.domain.draw import Column
from services.allocation.domain.values import Packets


def packed_amounts(drawn: Column | None) -> bytes:
    """Drawn amounts, little-endian, 2 or 4 bytes each as they are kept; nothing before they are fixed."""
    return b"" if drawn is None else drawn.astype(drawn.dtype.newbyteorder("<"), copy=False).tobytes()


def unpacked_amounts(packed: bytes, packets: Packets) -> Column | None:
    """The amounts of a part's packets; None when there are none."""
    if not packed:
        return None
    if len(packed) == 2 * packets.count:
        return np.frombuffer(packed, "<u2").astype(np.uint16)
    assert len(packed) == 4 * packets.count, "every packet has an amount"
    return np.frombuffer(packed, "<u4").astype(np.uint32)
