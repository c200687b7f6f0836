"""What a photo's header can say, and every way in which it is of no use."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.domain.verifying.errors import PhotoRefused
from services.identity.domain.verifying.photos import PhotoHeader, PhotoLimits, PhotoType, read_header

LIMITS = PhotoLimits(side_min=480, side_max=8_192)
JPEG, PNG = PhotoType.JPEG, PhotoType.PNG
START = b"\xff\xd8"
APP0 = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
TABLE = b"\xff\xdb\x00\x04\x00\x00"
SCAN = b"\xff\xda\x00\x04\x00\x00"
END = b"\xff\xd9"


def png(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + struct.pack(">II", width, height) + b"\x08\x02\x00\x00\x00"
    )


def frame(width: int, height: int, marker: int = 0xC0, length: int = 17) -> bytes:
    return struct.pack(">BBHBHH", 0xFF, marker, length, 8, height, width) + bytes(length - 7)


def jpeg(width: int, height: int, *before: bytes, marker: int = 0xC0) -> bytes:
    return START + b"".join(before or (APP0,)) + frame(width, height, marker) + SCAN + END


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (png(800, 600), PhotoHeader(PNG, 800, 600)),
        (png(480, 8_192), PhotoHeader(PNG, 480, 8_192)),
        (jpeg(1280, 960), PhotoHeader(JPEG, 1280, 960)),
        (jpeg(960, 1280, APP0, TABLE, TABLE), PhotoHeader(JPEG, 960, 1280)),
        # A progressive picture, as phones send them.
        (jpeg(1280, 960, marker=0xC2), PhotoHeader(JPEG, 1280, 960)),
        (jpeg(1280, 960, APP0, b"\xff\xff\xff"), PhotoHeader(JPEG, 1280, 960)),
        # A Huffman table has a marker among those of frames.
        (jpeg(1280, 960, APP0, b"\xff\xc4\x00\x03\x00"), PhotoHeader(JPEG, 1280, 960)),
        (jpeg(1280, 960, b"\xff\xe1\xff\xff" + bytes(0xFFFD)), PhotoHeader(JPEG, 1280, 960)),
    ],
)
def test_the_size_of_a_photo_is_read_from_its_header(content: bytes, header: PhotoHeader) -> None:
    assert read_header(content, header.type, LIMITS) == header


@pytest.mark.parametrize(
    ("content", "declared", "step"),
    [
        (b"GIF89a" + bytes(32), PNG, "type"),
        (b"%PDF-1.7", JPEG, "type"),
        (b"x", PNG, "type"),
        (png(800, 600), JPEG, "type"),
        (jpeg(800, 600), PNG, "type"),
        (png(800, 600)[:20], PNG, "header"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIDAT" + bytes(16), PNG, "header"),
        (png(0, 600), PNG, "header"),
        (START + APP0, JPEG, "header"),
        (START + APP0 + frame(800, 600)[:6], JPEG, "header"),
        (START + APP0 + SCAN + frame(800, 600), JPEG, "header"),
        (START + APP0 + END, JPEG, "header"),
        (START + b"\xff\xe0\x00\x01" + frame(800, 600), JPEG, "header"),
        (START + b"\xff\xe0\x00\x04xxnonsense", JPEG, "header"),
        (START + b"\xff" * 1_000 + frame(800, 600), JPEG, "header"),
        (START + b"\xff\xc0\x00\x07\x08\x02\x58\x03\x20" + bytes(8), JPEG, "header"),
        (jpeg(0, 600), JPEG, "header"),
        (png(479, 600), PNG, "too_small"),
        (jpeg(600, 479), JPEG, "too_small"),
        (png(600, 8_193), PNG, "too_large"),
        (jpeg(65_535, 600), JPEG, "too_large"),
    ],
)
def test_a_photo_of_no_use_says_at_which_test_it_failed(
    content: bytes, declared: PhotoType, step: str
) -> None:
    with pytest.raises(PhotoRefused) as refused:
        read_header(content, declared, LIMITS)
    assert refused.value.step == step


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([START, START + APP0, png(800, 600)[:16]]),
    st.binary(max_size=200),
    st.sampled_from(PhotoType),
)
def test_whatever_is_sent_is_a_photo_or_is_refused(start: bytes, rest: bytes, declared: PhotoType) -> None:
    with contextlib.suppress(PhotoRefused):
        header = read_header(start + rest, declared, LIMITS)
        assert LIMITS.side_min <= min(header.width, header.height)
        assert max(header.width, header.height) <= LIMITS.side_max
