"""Photos that show nothing: a header that is right, and chance for a picture."""

from __future__ import annotations

import random
import struct
import zlib

WIDTH, HEIGHT = 1_280, 960
BYTES = 16_384
"""Of chance: an evening has few photos, and none of them is looked at."""


def png(seed: str, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A photo as PNG (ISO/IEC 15948); the same seed gives the same one."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", _chance(seed)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def jpeg(seed: str, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A photo as JPEG (ISO/IEC 10918-1); the same seed gives the same one."""
    jfif = _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
    components = b"\x01\x11\x00\x02\x11\x00\x03\x11\x00"
    frame = _segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + components)
    return b"\xff\xd8" + jfif + frame + _segment(0xDA, components) + _chance(seed) + b"\xff\xd9"


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _segment(marker: int, content: bytes) -> bytes:
    # A segment's length counts itself.
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _chance(seed: str) -> bytes:
    return random.Random(seed).randbytes(BYTES)  # noqa: S311 - a simulation, not a secret
