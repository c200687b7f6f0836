from __future__ import annotations

import pytest

from services.cli.gala.apps.photos import jpeg, png
from services.identity.domain.verifying.errors import PhotoRefused
from services.identity.domain.verifying.photos import PhotoHeader, PhotoLimits, PhotoType, read_header

LIMITS = PhotoLimits()


def test_made_up_photos_say_of_themselves_what_they_should() -> None:
    assert read_header(png("1"), PhotoType.PNG, LIMITS) == PhotoHeader(PhotoType.PNG, 1_280, 960)
    assert read_header(jpeg("1"), PhotoType.JPEG, LIMITS) == PhotoHeader(PhotoType.JPEG, 1_280, 960)
    assert png("1") == png("1") != png("2")
    assert jpeg("1") == jpeg("1") != jpeg("2")


def test_a_tiny_one_is_refused() -> None:
    with pytest.raises(PhotoRefused) as refused:
        read_header(png("1", 120, 120), PhotoType.PNG, LIMITS)
    assert refused.value.metadata["step"] == "too_small"
