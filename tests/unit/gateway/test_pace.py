from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.errors import CallRateExceeded, TapRateExceeded
from services.gateway.domain.pace import LanePace, Pace
from services.mesh.metrics import REGISTRY

PERSON = 42


class Finger:
    """Somebody who taps at a time that the test sets."""

    def __init__(self, *, taps_per_s: int = 10, taps_at_once: int = 3, people_max: int = 100) -> None:
        self.now_s = 1_000.0
        self.pace = Pace(
            taps_per_s=taps_per_s,
            taps_at_once=taps_at_once,
            retry_cost_taps=2,
            people_max=people_max,
            now_s=lambda: self.now_s,
        )

    def taps(self, person_id: int = PERSON, *, is_retry: bool = False) -> bool:
        try:
            self.pace.take(person_id, is_retry=is_retry)
        except TapRateExceeded:
            return False
        return True


def test_a_person_may_tap_a_few_times_at_once_and_then_at_a_steady_rate() -> None:
    finger = Finger()
    assert [finger.taps() for _ in range(5)] == [True, True, True, False, False]
    for _ in range(20):
        finger.now_s += 0.1001
        assert finger.taps()
        assert not finger.taps()


def test_a_refused_tap_takes_nothing_and_says_when_the_next_one_passes() -> None:
    finger = Finger()
    for _ in range(3):
        finger.pace.take(PERSON)
    for _ in range(100):
        with pytest.raises(TapRateExceeded) as refused:
            finger.pace.take(PERSON)
        assert refused.value.retry_delay_ms == 100
    finger.now_s += 0.1
    assert finger.taps()


def test_one_person_does_not_slow_another_down() -> None:
    finger = Finger()
    while finger.taps(1):
        pass
    assert finger.taps(2)


def test_a_retry_counts_for_more() -> None:
    finger = Finger()
    assert finger.taps(is_retry=True)
    assert not finger.taps(is_retry=True)
    assert finger.taps()
    assert not finger.taps()


def test_of_many_people_those_who_tapped_of_late_are_remembered() -> None:
    finger = Finger(people_max=10)
    while finger.taps():
        pass
    for other in range(100, 104):
        finger.taps(other)
    assert not finger.taps(), "four others are too few to be forgotten over"
    for other in range(200, 215):
        finger.taps(other)
    assert finger.taps(), "whoever tapped longest ago makes room"


def test_in_a_lane_everybody_has_a_pace_of_their_own_and_refusals_are_counted() -> None:
    now_s = 1_000.0
    lane = LanePace("paced", 5, 3, people_max=10, now_s=lambda: now_s)
    for person in (1, 2):
        for _ in range(3):
            lane.take(person)
        with pytest.raises(CallRateExceeded) as refused:
            lane.take(person)
        assert refused.value.retry_delay_ms == 200
        assert refused.value.metadata == {"lane": "paced", "calls_per_s": "5"}
    now_s += 0.2
    lane.take(1)
    assert lane.refused == 2
    assert REGISTRY.get_sample_value("hongbao_bounded_calls_refused_total", {"kind": "paced_person"}) == 2


def test_in_a_lane_without_a_pace_everybody_calls_as_they_like() -> None:
    lane = LanePace("free", 0, 1, people_max=10, now_s=lambda: 0.0)
    for _ in range(100):
        lane.take(PERSON)
    assert lane.refused == 0


@given(
    taps_per_s=st.integers(1, 1_000),
    taps_at_once=st.integers(1, 50),
    pauses_s=st.lists(st.floats(0, 2), max_size=60),
)
def test_in_no_stretch_of_time_does_a_person_tap_more_than_the_rate_and_one_bucket(
    taps_per_s: int, taps_at_once: int, pauses_s: list[float]
) -> None:
    finger = Finger(taps_per_s=taps_per_s, taps_at_once=taps_at_once)
    passed_s: list[float] = []
    for pause_s in pauses_s:
        finger.now_s += pause_s
        if finger.taps():
            passed_s.append(finger.now_s)
    for first in range(len(passed_s)):
        for last in range(first, len(passed_s)):
            allowed = taps_at_once + (passed_s[last] - passed_s[first]) * taps_per_s
            assert last - first + 1 <= allowed + 0.002
