"""What a photo must be before anybody looks at it: judged by its header alone, no picture is decoded."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from services.identity.domain.verifying.errors import PhotoRefused


class PhotoType(enum.IntEnum):
    """Types of photos; numbers are the contract's."""

    JPEG = 1
    PNG = 2


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """How large a photo's sides may be, pixels."""

    side_min: int = 480
    side_max: int = 8_192


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What a photo says of itself."""

    type: PhotoType
    width: int
    """Pixels, as its height."""
    height: int


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that is kept, encrypted, outside of the database."""

    photo_id: int = field(compare=False)
    """Random and positive: its data key, and the place where it is kept, go by this number."""
    header: PhotoHeader
    digest: bytes = field(repr=False)
    """Keyed hash of its content: the same photo again is the same, whatever its number."""

    @property
    def masked(self) -> str:
        """Its size: "1280x960"."""
        return f"{self.header.width}x{self.header.height}"


_JPEG_START: Final = b"\xff\xd8\xff"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
# An IHDR chunk of 13 bytes comes first (ISO/IEC 15948, 5.6): length, name, width, height.
_PNG_HEADER: Final = b"\x00\x00\x00\x0dIHDR"
_PNG_WIDTH_AT: Final = len(_PNG_START) + len(_PNG_HEADER)
# Start-of-frame segments hold the size (ISO/IEC 10918-1, table B.1): C0 to CF but for DHT, JPG and DAC.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FRAME_LENGTH_MIN: Final = 8
# Segments without a length: TEM and restarts.
_BARE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
# Entropy-coded data begins, or the picture ends: no frame comes first in a sound file.
_TOO_LATE: Final = frozenset((0xD8, 0xD9, 0xDA))
_MARKER: Final = 0xFF
_LENGTH_BYTES: Final = 2
"""A segment's length counts itself."""
_SEGMENTS_MAX: Final = 512
"""Segments, and fill bytes, before the frame that are looked at; cameras write some dozens."""


def read_header(content: bytes, declared: PhotoType, limits: PhotoLimits) -> PhotoHeader:
    """Reads what a photo says of itself.

    Raises `PhotoRefused` with the first step that failed: `type` (it is not of the declared one), `header`
    (its size cannot be read), `too_small`, `too_large` (a side).
    """
    if content.startswith(_JPEG_START):
        found, size = PhotoType.JPEG, _jpeg_size(content)
    elif content.startswith(_PNG_START):
        found, size = PhotoType.PNG, _png_size(content)
    else:
        raise PhotoRefused("type")
    if found is not declared:
        raise PhotoRefused("type")
    if size is None or min(size) == 0:
        raise PhotoRefused("header")
    if min(size) < limits.side_min:
        raise PhotoRefused("too_small")
    if max(size) > limits.side_max:
        raise PhotoRefused("too_large")
    return PhotoHeader(found, *size)


def _png_size(content: bytes) -> tuple[int, int] | None:
    if content[len(_PNG_START) : _PNG_WIDTH_AT] != _PNG_HEADER or len(content) < _PNG_WIDTH_AT + 8:
        return None
    return _number(content, _PNG_WIDTH_AT, 4), _number(content, _PNG_WIDTH_AT + 4, 4)


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(_SEGMENTS_MAX):
        if content[at : at + 2] == b"\xff\xff":
            at += 1  # A fill byte before a marker.
            continue
        if len(content) < at + 4 or content[at] != _MARKER:
            return None
        marker = content[at + 1]
        if marker in _BARE:
            at += 2
            continue
        length = _number(content, at + 2, 2)
        if marker in _TOO_LATE or length < _LENGTH_BYTES:
            return None
        if marker in _FRAMES:
            if length < _FRAME_LENGTH_MIN or len(content) < at + 9:
                return None
            return _number(content, at + 7, 2), _number(content, at + 5, 2)
        at += 2 + length
    return None


def _number(content: bytes, at: int, length: int) -> int:
    return int.from_bytes(content[at : at + length], "big")
