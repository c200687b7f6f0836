from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.allocation.domain.release import released
from services.allocation.domain.values import ReleaseCurve, Window


@pytest.mark.parametrize(
    ("curve", "now_ms", "expected"),
    [
        (ReleaseCurve.LINEAR, 999, 0),
        (ReleaseCurve.LINEAR, 1000, 1),
        (ReleaseCurve.LINEAR, 1499, 50),
        (ReleaseCurve.LINEAR, 1500, 51),
        (ReleaseCurve.LINEAR, 1998, 100),
        (ReleaseCurve.LINEAR, 1999, 100),
        (ReleaseCurve.LINEAR, 2000, 100),
        (ReleaseCurve.LINEAR, 9999, 100),
        (ReleaseCurve.IMMEDIATE, 999, 0),
        (ReleaseCurve.IMMEDIATE, 1000, 100),
        (ReleaseCurve.IMMEDIATE, 9999, 100),
    ],
)
def test_a_hundred_packets_over_a_second(curve: ReleaseCurve, now_ms: int, expected: int) -> None:
    assert released(now_ms, Window(1000, 2000), 100, curve) == expected


@given(
    st.integers(0, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 10**9),
    st.integers(-10, 10**6),
    st.integers(0, 10**6),
)
def test_release_never_falls_never_exceeds_the_stock_and_ends_complete(
    opens_ms: int, length_ms: int, count: int, offset_ms: int, later_ms: int
) -> None:
    window = Window(opens_ms, opens_ms + length_ms)
    now = released(opens_ms + offset_ms, window, count, ReleaseCurve.LINEAR)
    later = released(opens_ms + offset_ms + later_ms, window, count, ReleaseCurve.LINEAR)
    assert 0 <= now <= later <= count
    assert released(opens_ms - 1, window, count, ReleaseCurve.LINEAR) == 0
    assert released(opens_ms, window, count, ReleaseCurve.LINEAR) >= 1
    assert released(window.closes_ms - 1, window, count, ReleaseCurve.LINEAR) == count
