"""Messages written without generated code where that would be most of the load."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GROUP = 127
"""The 7 bits of a varint's byte that count; the last byte has no more."""
_GROUP_BITS = 7


def packed(field_number: int, column: NDArray[np.int64]) -> bytes:
    """A packed field of 8-byte numbers, tag and length included; field numbers up to 15."""
    content = column.tobytes()
    return bytes([field_number << 3 | 2]) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """A number from 0 on, as messages have it."""
    groups = bytearray()
    while number > _GROUP:
        groups.append(number & _GROUP | 128)
        number >>= _GROUP_BITS
    groups.append(number)
    return bytes(groups)


def read_varint(content: bytes, start: int) -> tuple[int, int]:
    """The number that begins at a place, and the place after it."""
    number = shift = 0
    for place in range(start, len(content)):
        byte = content[place]
        number |= (byte & _GROUP) << shift
        if byte <= _GROUP:
            return number, place + 1
        shift += _GROUP_BITS
    raise ValueError("the message ends in the middle of a number")


def byte_column(content: bytes, start: int, field_number: int) -> tuple[NDArray[np.uint8], int]:
    """A packed field of numbers below 128, and the place after it; empty when it is not there."""
    if start >= len(content) or content[start] != field_number << 3 | 2:
        return np.zeros(0, np.uint8), start
    length, begin = read_varint(content, start + 1)
    return np.frombuffer(content, np.uint8, length, begin), begin + length
