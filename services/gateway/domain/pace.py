"""How often one person may call: a bucket of calls for each, which fills up again at a steady rate.

A bucket is kept as one number: when it will be full again (the generic cell rate algorithm of ATM networks,
ITU-T I.371). So nobody has to fill buckets, and who has paused long enough need not be remembered at all.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from services.gateway.domain.errors import CallRateExceeded, TapRateExceeded
from services.mesh.admission import LIVING

_ROUNDING_CALLS = 0.001
"""Times are floats: a bucket must not seem to lack a call for the last digit of one."""

_RETRY_STEP_MS = 10
"""Delays are told in these steps, so that whoever floods the gateway is told the same over and over."""
_RETRY_STEP_S = _RETRY_STEP_MS / 1000


class Pace:
    """Counts the taps of each person."""

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
        self._retry_cost_taps = retry_cost_taps
        self._buckets = _Buckets(taps_per_s, taps_at_once, people_max, now_s)

    def take(self, person_id: int, *, is_retry: bool = False) -> None:
        """Takes a tap out of the person's bucket; a retry counts for more, as it always goes to the owner.

        Raises `TapRateExceeded`, and takes nothing, when the bucket has not enough.
        """
        delay_ms = self._buckets.take(person_id, self._retry_cost_taps if is_retry else 1)
        if delay_ms:
            raise TapRateExceeded(
                f"more than {self._taps_per_s} taps a second",
                retry_delay_ms=delay_ms,
                taps_per_s=self._taps_per_s,
            )


class LanePace:
    """Counts the calls of each person in one lane: who floods it is refused before the lane's own limits."""

    occupied = 0
    """Calls are counted when they come, not while they are under way."""

    def __init__(
        self, lane: str, calls_per_s: int, calls_at_once: int, *, people_max: int, now_s: Callable[[], float]
    ) -> None:
        """With 0 calls a second everybody may make as many as they like."""
        self.name = f"{lane}_person"
        self.refused = 0
        """Calls that were not let in, ever."""
        LIVING.add(self)
        self._lane = lane
        self._calls_per_s = calls_per_s
        self._buckets = _Buckets(calls_per_s, calls_at_once, people_max, now_s) if calls_per_s else None

    def take(self, person_id: int) -> None:
        """Takes a call out of the person's bucket.

        Raises `CallRateExceeded`, and takes nothing, when it is empty.
        """
        if self._buckets is None:
            return
        delay_ms = self._buckets.take(person_id, 1)
        if delay_ms:
            self.refused += 1
            raise CallRateExceeded(
                f"more than {self._calls_per_s} calls of one person a second",
                retry_delay_ms=delay_ms,
                lane=self._lane,
                calls_per_s=self._calls_per_s,
            )


class _Buckets:
    """One for each of a bounded number of people: those who called of late."""

    def __init__(
        self, calls_per_s: int, calls_at_once: int, people_max: int, now_s: Callable[[], float]
    ) -> None:
        self._call_s = 1 / calls_per_s
        self._bucket_s = (calls_at_once + _ROUNDING_CALLS) / calls_per_s
        self._now_s = now_s
        # Two generations: when the younger has half of all people, the older is forgotten. Everybody who has
        # called since then is in one of them.
        self._generation_max = max(1, people_max // 2)
        self._full_at_s: dict[int, float] = {}
        self._older: dict[int, float] = {}

    def take(self, person_id: int, calls: int) -> int:
        """Takes calls out of a bucket: 0; or takes nothing: after how long there are enough, milliseconds."""
        now_s = self._now_s()
        full_at_s = self._full_at_s.get(person_id) or self._older.get(person_id, now_s)
        full_at_s = max(full_at_s, now_s) + calls * self._call_s
        lacking_s = full_at_s - now_s - self._bucket_s
        if lacking_s > 0:
            return ceil(lacking_s / _RETRY_STEP_S) * _RETRY_STEP_MS
        if len(self._full_at_s) >= self._generation_max and person_id not in self._full_at_s:
            self._older, self._full_at_s = self._full_at_s, {}
        self._full_at_s[person_id] = full_at_s
        return 0
