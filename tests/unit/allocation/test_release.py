from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.allocation.domain.release import WHOLE_PPM, check_table, released
from services.allocation.domain.transfer_errors import ReleaseTableInvalid
from services.allocation.domain.values import ReleaseCurve, Window

TABLE = ReleaseCurve.TABLE


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
        (ReleaseCurve.FRONT_LOADED, 999, 0),
        (ReleaseCurve.FRONT_LOADED, 1000, 1),
        (ReleaseCurve.FRONT_LOADED, 1249, 44),
        (ReleaseCurve.FRONT_LOADED, 1499, 75),
        (ReleaseCurve.FRONT_LOADED, 1749, 94),
        (ReleaseCurve.FRONT_LOADED, 1999, 100),
        (ReleaseCurve.FRONT_LOADED, 9999, 100),
    ],
)
def test_a_hundred_packets_over_a_second(curve: ReleaseCurve, now_ms: int, expected: int) -> None:
    assert released(now_ms, Window(1000, 2000), 100, curve) == expected


@pytest.mark.parametrize(
    ("now_ms", "expected"),
    [
        (999, 0),
        (1000, 0),
        (1499, 5),
        (1999, 10),
        (2000, 10),
        (2999, 10),
        (3000, 10),
        (3249, 55),
        (3499, 100),
        (3500, 100),
    ],
)
def test_a_table_says_how_much_is_out_by_the_end_of_each_second(now_ms: int, expected: int) -> None:
    """The last of the three is half a second."""
    window, table = Window(1000, 3500), (100_000, 100_000, WHOLE_PPM)
    check_table(window, TABLE, table)
    assert released(now_ms, window, 100, TABLE, table) == expected


@pytest.mark.parametrize(
    ("curve", "table"),
    [
        (TABLE, ()),
        (TABLE, (WHOLE_PPM,)),
        (TABLE, (1, 2, WHOLE_PPM)),
        (TABLE, (2, 1)),
        (TABLE, (0, WHOLE_PPM - 1)),
        (TABLE, (WHOLE_PPM, 0)),
        (TABLE, (-1, WHOLE_PPM)),
        (TABLE, (0, WHOLE_PPM + 1)),
        (ReleaseCurve.LINEAR, (0, WHOLE_PPM)),
    ],
)
def test_a_table_that_does_not_fit_the_round_is_refused(curve: ReleaseCurve, table: tuple[int, ...]) -> None:
    with pytest.raises(ReleaseTableInvalid):
        check_table(Window(0, 1500), curve, table)


@given(
    st.data(),
    st.sampled_from(ReleaseCurve),
    st.integers(0, 10**6),
    st.integers(1, 20_000),
    st.integers(1, 10**9),
    st.integers(-10, 20_000),
    st.integers(0, 20_000),
)
def test_release_never_falls_never_exceeds_the_stock_and_ends_complete(
    data: st.DataObject,
    curve: ReleaseCurve,
    opens_ms: int,
    length_ms: int,
    count: int,
    offset_ms: int,
    later_ms: int,
) -> None:
    window = Window(opens_ms, opens_ms + length_ms)
    table: tuple[int, ...] = ()
    if curve is TABLE:
        seconds = -(-length_ms // 1000)
        rising = st.lists(st.integers(0, WHOLE_PPM), min_size=seconds - 1, max_size=seconds - 1).map(sorted)
        table = (*data.draw(rising), WHOLE_PPM)
    check_table(window, curve, table)

    def out(now_ms: int) -> int:
        return released(now_ms, window, count, curve, table)

    assert 0 <= out(opens_ms + offset_ms) <= out(opens_ms + offset_ms + later_ms) <= count
    assert out(opens_ms - 1) == 0
    assert curve is TABLE or out(opens_ms) >= 1
    assert out(window.closes_ms - 1) == count
