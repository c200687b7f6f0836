"""Facts that are remembered for a short time."""

from __future__ import annotations

from services.mesh.clock import ManualClock
from services.mesh.lately import Lately


async def test_a_fact_is_remembered_for_its_time_and_no_longer() -> None:
    clock = ManualClock()
    lately = Lately[str](clock, facts_max=10, remember_ms=2_000)
    lately.found("member")
    await clock.advance(1.9)
    assert lately.holds("member")
    await clock.advance(0.2)
    assert not lately.holds("member")


async def test_finding_it_again_begins_the_time_anew_and_losing_it_ends_it() -> None:
    clock = ManualClock()
    lately = Lately[str](clock, facts_max=10, remember_ms=2_000)
    lately.found("member")
    await clock.advance(1.5)
    lately.found("member")
    await clock.advance(1.5)
    assert lately.holds("member")
    lately.gone("member")
    assert not lately.holds("member")


async def test_the_oldest_facts_give_way_to_new_ones() -> None:
    lately = Lately[int](ManualClock(), facts_max=2, remember_ms=2_000)
    for fact in (1, 2, 3):
        lately.found(fact)
    assert [lately.holds(fact) for fact in (1, 2, 3)] == [False, True, True]


async def test_without_a_time_nothing_is_remembered() -> None:
    lately = Lately[int](ManualClock(), facts_max=2, remember_ms=0)
    lately.found(1)
    assert not lately.holds(1)
