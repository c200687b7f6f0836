"""How often one person may tap: a bucket of taps for each, which fills up again at a steady rate.

A bucket is kept as one number: when it will be full again (the generic cell rate algorithm of ATM networks,
ITU-T I.371). So nobody has to fill buckets, and who has paused long enough need not be remembered at all.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from services.gateway.domain.errors import TapRateExceeded

_ROUNDING_TAPS = 0.001
"""Times are floats: a bucket must not seem to lack a tap for the last digit of one."""

_RETRY_STEP_MS = 10
"""Delays are told in these steps, so that whoever floods the gateway is told the same over and over."""
_RETRY_STEP_S = _RETRY_STEP_MS / 1000


class Pace:
    """Counts the taps of each person: of a bounded number of people, those who tapped of late."""

    def __init__(
        self,
        *,
        taps_per_s: int,
        taps_at_once: int,
        retry_cost_taps: int,
        people_max: int,
        now_s: Callable[[], float],
    ) -> None:
        self._taps_per_s = taps_per_s
        self._tap_s = 1 / taps_per_s
        self._retry_s = retry_cost_taps / taps_per_s
        self._bucket_s = (taps_at_once + _ROUNDING_TAPS) / taps_per_s
        self._now_s = now_s
        # Two generations: when the younger has half of all people, the older is forgotten. Everybody who has
        # tapped since then is in one of them.
        self._generation_max = max(1, people_max // 2)
        self._full_at_s: dict[int, float] = {}
        self._older: dict[int, float] = {}

    def take(self, person_id: int, *, is_retry: bool = False) -> None:
        """Takes a tap out of the person's bucket; a retry counts for more, as it always goes to the owner.

        Raises `TapRateExceeded`, and takes nothing, when the bucket has not enough.
        """
        now_s = self._now_s()
        full_at_s = self._full_at_s.get(person_id) or self._older.get(person_id, now_s)
        full_at_s = max(full_at_s, now_s) + (self._retry_s if is_retry else self._tap_s)
        if full_at_s - now_s > self._bucket_s:
            raise TapRateExceeded(
                f"more than {self._taps_per_s} taps a second",
                retry_delay_ms=ceil((full_at_s - now_s - self._bucket_s) / _RETRY_STEP_S) * _RETRY_STEP_MS,
                taps_per_s=self._taps_per_s,
            )
        if len(self._full_at_s) >= self._generation_max and person_id not in self._full_at_s:
            self._older, self._full_at_s = self._full_at_s, {}
        self._full_at_s[person_id] = full_at_s
