"""How many packets are available at a moment of the window."""

from __future__ import annotations

from services.allocation.domain.values import ReleaseCurve, Window


def released(now_ms: int, window: Window, packet_count: int, curve: ReleaseCurve) -> int:
    """The number of packets that may have been won by the end of this millisecond.

    0 before opening. LINEAR: `ceil(count * (elapsed + 1) / length)` in whole milliseconds, so that the first
    packet can be won at opening and the last one just before closing. IMMEDIATE: all from opening on.
    Never falls as time goes by, and stays at the count after closing.
    """
    if now_ms < window.opens_ms:
        return 0
    if curve is ReleaseCurve.IMMEDIATE or now_ms >= window.closes_ms:
        return packet_count
    length_ms = window.closes_ms - window.opens_ms
    elapsed_ms = now_ms - window.opens_ms
    return -(-packet_count * (elapsed_ms + 1) // length_ms)
