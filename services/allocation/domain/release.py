"""How many packets are available at a moment of the window."""

from __future__ import annotations

from itertools import pairwise

from services.allocation.domain.transfer_errors import ReleaseTableInvalid
from services.allocation.domain.values import ReleaseCurve, Window

WHOLE_PPM = 1_000_000
"""All packets, in the unit of tables."""
_SECOND_MS = 1_000


def released(
    now_ms: int, window: Window, packet_count: int, curve: ReleaseCurve, table_ppm: tuple[int, ...] = ()
) -> int:
    """The number of packets that may have been won by the end of this millisecond.

    0 before opening. With `x` of the window's `T` milliseconds gone by the end of this one:

    - LINEAR: `ceil(count * x / T)`, so that the first packet can be won at opening and the last one just
      before closing.
    - IMMEDIATE: all from opening on.
    - FRONT_LOADED: `ceil(count * (2 * x * T - x^2) / T^2)`: three quarters by the middle.
    - TABLE: in each second from its element before to its own, in proportion, rounded down.

    Never falls as time goes by, and stays at the count after closing.
    """
    if now_ms < window.opens_ms:
        return 0
    if curve is ReleaseCurve.IMMEDIATE or now_ms >= window.closes_ms:
        return packet_count
    length_ms = window.closes_ms - window.opens_ms
    gone_ms = now_ms - window.opens_ms + 1
    if curve is ReleaseCurve.TABLE:
        return _by_table(gone_ms, length_ms, packet_count, table_ppm)
    if curve is ReleaseCurve.FRONT_LOADED:
        return -(-packet_count * gone_ms * (2 * length_ms - gone_ms) // length_ms**2)
    return -(-packet_count * gone_ms // length_ms)


def check_table(window: Window, curve: ReleaseCurve, table_ppm: tuple[int, ...]) -> None:
    """Raises `ReleaseTableInvalid` unless the table is one for TABLE, and none for any other curve.

    A table has an element for each second of the window, never falls, and ends with all packets.
    """
    # The last second may be a part of one.
    seconds = -(-(window.closes_ms - window.opens_ms) // _SECOND_MS)
    fits = not table_ppm
    if curve is ReleaseCurve.TABLE:
        rises = all(before <= after for before, after in pairwise((0, *table_ppm)))
        fits = len(table_ppm) == seconds and rises and table_ppm[-1] == WHOLE_PPM
    if not fits:
        raise ReleaseTableInvalid(seconds, len(table_ppm))


def _by_table(gone_ms: int, length_ms: int, packet_count: int, table_ppm: tuple[int, ...]) -> int:
    second = (gone_ms - 1) // _SECOND_MS
    begun_ms = second * _SECOND_MS
    lasts_ms = min(_SECOND_MS, length_ms - begun_ms)
    before_ppm = table_ppm[second - 1] if second else 0
    rise_ppm = table_ppm[second] - before_ppm
    share = before_ppm * lasts_ms + rise_ppm * (gone_ms - begun_ms)
    return packet_count * share // (WHOLE_PPM * lasts_ms)
