"""Columns of numbers in protobuf's packed form, without a Python object for each number.

Filling a repeated field costs some 30 ns a number, which is most of what a claim costs; the packed form of a
column is made by numpy at a tenth of that and merged as bytes. Format: protobuf's encoding guide, "Packed
repeated fields" and "Base 128 varints".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH_DELIMITED = 2
_VARINT_BYTES_MAX = 10
_SHORT_BYTES = 4
_SHORT_MAX = 1 << 28
"""Four groups of 7 bits."""
_MORE = np.uint8(0x80)
_FOUR_MORE = np.uint32(0x0080_8080)
_ZERO = np.frombuffer(b"\x80" * 9 + b"\x00", np.uint8)
"""0 in ten bytes."""
_MINUS_ONE = np.frombuffer(b"\xff" * 9 + b"\x01", np.uint8)


def packed_fixed(field_number: int, column: NDArray[np.int64]) -> bytes:
    """A field of packed `sfixed64`."""
    return _field(field_number, column.astype("<i8", copy=False).tobytes())


def packed_small(field_number: int, column: NDArray[np.uint8]) -> bytes:
    """A field of packed varints, all of them below 128: each is its own byte."""
    return _field(field_number, column.tobytes())


def packed_varints(field_number: int, column: NDArray[np.int64]) -> bytes:
    """A field of packed varints.

    Numbers below 2^28, and -1 between them, are written with leading zeros, as many bytes for each: a varint
    may say that more follows and then bring nothing but zeros. Protobuf reads that, and writes it without.
    """
    if not len(column):
        return b""
    smallest, largest = int(column.min()), int(column.max())
    if smallest < -1 or largest >= _SHORT_MAX:
        return _field(field_number, _long_varints(column.view(np.uint64)))
    if smallest >= 0:
        return _field(field_number, _short_varints(column, largest).tobytes())
    # As 64-bit numbers, negative ones have ten bytes, so all of them do.
    written = np.empty((len(column), _VARINT_BYTES_MAX), np.uint8)
    written[:] = _ZERO
    written[:, :_SHORT_BYTES] = _four_groups(column).view(np.uint8).reshape(-1, _SHORT_BYTES) | _MORE
    written[column < 0] = _MINUS_ONE
    return _field(field_number, written.tobytes())


def _short_varints(column: NDArray[np.int64], largest: int) -> NDArray[Any]:
    """Numbers below 2^28 in one, two or four bytes each, the lowest 7 bits first."""
    if largest < 1 << 7:
        return column.astype(np.uint8)
    if largest < 1 << 14:
        narrow = column.astype("<u2")
        return ((narrow & 0x7F) | 0x80) | ((narrow & 0x3F80) << 1)
    return _four_groups(column) | _FOUR_MORE


def _four_groups(column: NDArray[np.int64]) -> NDArray[Any]:
    """Four groups of 7 bits in four bytes, the lowest first."""
    wide = column.astype("<u4")
    return (wide & 0x7F) | ((wide & 0x3F80) << 1) | ((wide & 0x1F_C000) << 2) | ((wide & 0xFE0_0000) << 3)


def _long_varints(values: NDArray[np.uint64]) -> bytes:
    """Any numbers, each in as few bytes as it takes: a mask says which of the longest one's are written."""
    width = _width(int(values.max()))
    # Row by row the groups of 7 bits, lowest first; a bit on top says that more follow.
    groups = np.empty((len(values), width), np.uint8)
    written = np.empty((len(values), width), np.bool_)
    written[:, 0] = True
    rest = values
    for place in range(width - 1):
        low = rest.astype(np.uint8)
        rest = np.right_shift(rest, np.uint64(7))
        follows = rest != 0
        written[:, place + 1] = follows
        groups[:, place] = (low & 127) | (follows.view(np.uint8) << 7)
    groups[:, width - 1] = rest.astype(np.uint8)
    return groups[written].tobytes()


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
