"""Columns of numbers in protobuf's packed form, without a Python object for each number.

Filling a repeated field costs some 30 ns a number, which is most of what a claim costs; the packed form of a
column is made by numpy at a tenth of that and merged as bytes. Format: protobuf's encoding guide, "Packed
repeated fields" and "Base 128 varints".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LENGTH_DELIMITED = 2
_VARINT_BYTES_MAX = 10


def packed_fixed(field_number: int, column: NDArray[np.int64]) -> bytes:
    """A field of packed `sfixed64`."""
    return _field(field_number, column.astype("<i8", copy=False).tobytes())


def packed_small(field_number: int, column: NDArray[np.uint8]) -> bytes:
    """A field of packed varints, all of them below 128: each is its own byte."""
    return _field(field_number, column.tobytes())


def packed_varints(field_number: int, column: NDArray[np.int64]) -> bytes:
    """A field of packed varints. Negative numbers take ten bytes each, as the format wants."""
    if not len(column):
        return b""
    values = column.view(np.uint64)
    largest = int(values.max())
    width = _width(largest)
    # Half as wide, twice as fast; what a column holds nearly always fits.
    rest = values.astype(np.uint32) if largest < 1 << 32 else values
    # Row by row the groups of 7 bits, lowest first; a bit on top says that more follow.
    groups = np.empty((len(column), width), np.uint8)
    written = np.empty((len(column), width), np.bool_)
    written[:, 0] = True
    for place in range(width - 1):
        low = rest.astype(np.uint8)
        rest = np.right_shift(rest, rest.dtype.type(7))
        follows = rest != 0
        written[:, place + 1] = follows
        groups[:, place] = (low & 127) | (follows.view(np.uint8) << 7)
    groups[:, width - 1] = rest.astype(np.uint8)
    return _field(field_number, groups[written].tobytes())


def _width(value: int) -> int:
    return max(1, min(_VARINT_BYTES_MAX, -(-value.bit_length() // 7)))


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload if payload else b""


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 127:  # noqa: PLR2004 - 7 bits a byte
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)
