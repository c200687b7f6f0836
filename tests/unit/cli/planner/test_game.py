"""A simulated game: within its limits, the same for a seed, and moved by its rules in the right direction."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.planner.calibration import (
    PEOPLE_2016,
    POOL_FEN_2016,
    RARE_LIMIT_2016,
    SETS_2016,
    SHARE_FEN_2016,
    TEMPER,
)
from services.cli.planner.game import Crowd, Outcome, play, scaled
from services.cli.planner.setting import Quotas, Release, ReleaseShape, Setting, Source, Wishes, quotas_for

OF_2016 = Setting(quotas=quotas_for(PEOPLE_2016, Wishes()))
SMALL = replace(OF_2016, sample=20_000)


def test_the_figures_of_2016_fit_each_other() -> None:
    assert {POOL_FEN_2016 // sets for sets in SETS_2016} == {SHARE_FEN_2016}


def test_the_settings_of_2016_give_the_sets_of_2016_within_two_percent() -> None:
    setting = replace(OF_2016, sample=1_000_000)
    sets = [scaled(play(setting, RARE_LIMIT_2016, seed), setting).sets for seed in (2016, 2017)]
    assert sum(sets) / 2 == pytest.approx(SETS_2016[0], rel=0.02)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    rare=st.integers(0, 40_000),
    quotas=st.builds(Quotas, *(st.integers(0, 20_000) for _ in range(4))),
    days=st.integers(1, 4),
    shape=st.sampled_from(ReleaseShape),
)
def test_no_limit_is_ever_passed_and_no_card_is_lost(
    seed: int, rare: int, quotas: Quotas, days: int, shape: ReleaseShape
) -> None:
    setting = Setting(quotas=quotas, people=1_500, sample=1_500, days=days, shape=shape)
    outcome = play(setting, rare, seed)  # It asserts conservation by itself.
    assert outcome.rare_issued <= rare
    assert all(cards <= quotas.of(one) for cards, one in zip(outcome.cards_dealt, Source, strict=True))
    assert outcome.rare_issued == outcome.sets + outcome.rare_unfinished + outcome.rare_left_over
    assert outcome.cards_dealt[3] == quotas.sponsor
    assert outcome.sets <= outcome.people_active <= 1_500


def test_a_quota_that_everybody_wants_is_used_to_the_last_card() -> None:
    wishes = Wishes(friends=0, taps=20, shares=0)
    setting = Setting(Quotas(0, 3_000, 0, 0), people=2_000, sample=2_000, wishes=wishes)
    assert play(setting, 100, 1).cards_dealt == (0, 3_000, 0, 0)


def test_the_rare_cards_of_a_release_come_day_by_day() -> None:
    release = Release((0, 250_000, 1_000_000))
    assert [release.released(1_001, day) for day in range(3)] == [0, 250, 1_001]
    with pytest.raises(ValueError, match="rises"):
        Release((500_000, 400_000, 1_000_000))
    with pytest.raises(ValueError, match="rises"):
        Release((500_000, 900_000))


@pytest.mark.parametrize("shape", ReleaseShape)
@pytest.mark.parametrize("days", [1, 2, 11, 60])
def test_every_shape_releases_everything_in_the_end(shape: ReleaseShape, days: int) -> None:
    assert shape.over(days).released(826_888, days - 1) == 826_888


def test_a_seed_always_plays_the_same_game_and_another_one_another() -> None:
    assert play(SMALL, RARE_LIMIT_2016, 1) == play(SMALL, RARE_LIMIT_2016, 1)
    assert play(SMALL, 20_000_000, 1) != play(SMALL, 20_000_000, 2)


def test_people_can_play_again_as_if_for_the_first_time() -> None:
    crowd = Crowd(SMALL, 1)
    first = crowd.play(200)
    crowd.play(2_000)
    assert crowd.play(200) == first


def test_more_rare_cards_never_make_fewer_sets() -> None:
    crowd = Crowd(SMALL, 7)
    sets = [crowd.play(rare).sets for rare in (0, 100, 400, 1_600, 6_400, 25_600)]
    assert sets == sorted(sets)
    assert sets[0] == 0


def test_a_card_of_which_there_is_more_than_enough_crowds_out_no_other() -> None:
    setting = Setting(quotas_for(1_000, Wishes()), people=1_000, sample=1_000)
    enough, plenty = (play(setting, rare, 1) for rare in (4_000, 10_000_000_000))
    assert plenty.rare_issued <= sum(plenty.cards_dealt) // 5 + setting.days
    assert plenty.sets >= enough.sets * 0.9 > 400


def test_what_helps_people_makes_more_sets() -> None:
    usual = _sets(SMALL)
    assert (
        _sets(replace(SMALL, shape=ReleaseShape.EARLY))
        > usual
        > _sets(replace(SMALL, shape=ReleaseShape.LATE))
    )
    assert _sets(SMALL, generosity=0.05) < usual
    assert _sets(SMALL, curiosity=0.2) < usual
    assert _sets(SMALL, quitting=0.3) < usual
    assert _sets(replace(SMALL, wishes=Wishes(friends=1, taps=1, shares=0))) < usual


def test_days_are_told_as_they_are_over() -> None:
    days: list[int] = []
    Crowd(replace(SMALL, sample=1_000, days=3), 1).play(10, days.append)
    assert days == [1, 2, 3]


def test_counts_of_a_sample_stand_for_those_of_the_game() -> None:
    setting = replace(OF_2016, sample=1_000_000)
    assert setting.in_sample(RARE_LIMIT_2016) == 4_134
    outcome = Outcome(4_134, 4_134, (1, 2, 3, 0), 900_000, 3_957, 100, 77)
    assert scaled(outcome, setting) == Outcome(
        826_800, 826_800, (200, 400, 600, 0), 180_000_000, 791_400, 20_000, 15_400
    )


def _sets(setting: Setting, **temper: float) -> int:
    changed = replace(TEMPER, **temper)  # type: ignore[arg-type]
    return sum(play(setting, 8_000_000, seed, changed).sets for seed in (1, 2))
