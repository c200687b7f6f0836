from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import services.mesh.admission_metrics  # noqa: F401 - as every server has it
from services.mesh.admission import Admission, LimitReached, Rate
from services.mesh.errors import ErrorKind
from services.mesh.metrics import REGISTRY

TURN_MS_MAX = 2_000


class Door:
    """Calls that come at times which the test sets."""

    def __init__(self, *, per_s: int = 10, at_once: int = 3, calls_max: int = 1_000) -> None:
        self.now_s = 1_000.0
        rate = Rate(per_s, at_once, TURN_MS_MAX, lambda: self.now_s)
        self.admission = Admission("envelopes", calls_max, 100, rate)

    def delay_ms(self) -> int:
        """0 when a call is let in, else what it is told."""
        try:
            self.admission.enter()
        except LimitReached as refusal:
            return refusal.retry_delay_ms or -1
        return 0


def test_after_a_pause_a_few_calls_are_let_in_at_once_and_then_a_steady_number() -> None:
    door = Door()
    assert [door.delay_ms() == 0 for _ in range(5)] == [True, True, True, False, False]
    for _ in range(20):
        door.now_s += 0.1001
        assert door.delay_ms() == 0
        assert door.delay_ms() > 0


def test_calls_that_are_refused_are_given_turns_one_after_the_other() -> None:
    door = Door(at_once=1)
    door.delay_ms()
    assert [door.delay_ms() for _ in range(4)] == [100, 200, 300, 400]
    door.now_s += 0.4
    # The bucket has filled up again; the next turn is free as well.
    assert door.delay_ms() == 0
    assert door.delay_ms() == 100


def test_no_delay_is_longer_than_the_longest() -> None:
    door = Door(at_once=1)
    door.delay_ms()
    assert max(door.delay_ms() for _ in range(1_000)) == TURN_MS_MAX


def test_no_more_calls_are_under_way_than_may_be_and_each_that_leaves_makes_room() -> None:
    admission = Admission("envelopes", 2, 100)
    admission.enter()
    with admission.entered():
        with pytest.raises(LimitReached) as refused:
            admission.enter()
        assert admission.occupied == 2
    admission.enter()
    assert admission.occupied == 2
    assert admission.refused == 1
    assert refused.value.kind is ErrorKind.EXHAUSTED
    assert refused.value.retry_delay_ms == 100
    assert refused.value.metadata == {"limit": "envelopes_calls_max"}


def test_a_call_that_was_too_fast_takes_no_place() -> None:
    door = Door(at_once=1, calls_max=2)
    door.delay_ms()
    for _ in range(5):
        assert door.delay_ms() > 0
    assert door.admission.occupied == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(min_value=0, max_value=0.5), max_size=80), st.integers(1, 50), st.integers(1, 20))
def test_never_more_calls_are_let_in_than_the_rate_and_the_burst_allow(
    pauses_s: list[float], per_s: int, at_once: int
) -> None:
    door = Door(per_s=per_s, at_once=at_once, calls_max=10_000)
    let_in = 0
    for pause_s in pauses_s:
        door.now_s += pause_s
        let_in += door.delay_ms() == 0
    assert let_in <= at_once + (door.now_s - 1_000) * per_s + 0.01


def test_an_operator_sees_how_full_a_kind_of_calls_is_and_how_much_was_refused() -> None:
    doors = [Admission("metered", 1, 100), Admission("metered", 1, 100)]
    for door in doors:
        door.enter()
        with pytest.raises(LimitReached):
            door.enter()
    labels = {"kind": "metered"}
    assert REGISTRY.get_sample_value("hongbao_bounded_calls", labels) == 2
    assert REGISTRY.get_sample_value("hongbao_bounded_calls_refused_total", labels) == 2
