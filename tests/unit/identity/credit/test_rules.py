"""What a score is made of: it stays on its scale, rises with what is good, and falls with what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.domain.credit.curves import curve
from services.identity.domain.credit.raises import Raise, done, gains_of
from services.identity.domain.credit.rules import POINTS_MAX, Factor, points_of, score_of
from services.identity.domain.credit.sentences import FACTOR_NAMES, RAISE_SENTENCES
from services.identity.domain.credit.signals import OwnFacts, RelationFacts, Signals, WalletFacts
from services.mesh.language import Language
from tests.unit.identity.credit.world import BEST, NEW, NOW_MS, WORST, signals

RICH, POOR = WalletFacts(NOW_MS, 10**9, is_frozen=False), WalletFacts(NOW_MS, 0, is_frozen=False)
MANY, NONE = RelationFacts(NOW_MS, 500, 1000), RelationFacts(NOW_MS, 0, 0)


@pytest.mark.parametrize(
    ("own", "wallet", "relations", "expected"),
    [
        (BEST, RICH, MANY, 950),
        (WORST, replace(POOR, is_frozen=True), NONE, 350 + 0),
        (NEW, POOR, NONE, 350 + 60 + 27 + 18 + 105 + 0),
        (NEW, None, None, 350 + 60 + 27 + 22 + 105 + 15),
        (replace(NEW, channels=0), POOR, NONE, 350 + 0 + 27 + 18 + 105 + 0),
        (replace(NEW, loans_written_off=1), POOR, NONE, 350 + 60 + 0 + 18 + 105 + 0),
        (replace(NEW, conducts=3), POOR, NONE, 350 + 60 + 27 + 18 + 0 + 0),
        (NEW, POOR, RelationFacts(NOW_MS, 20, 500), 350 + 60 + 27 + 18 + 105 + 33),
    ],
)
def test_a_score_is_what_its_table_says(
    own: OwnFacts, wallet: WalletFacts | None, relations: RelationFacts | None, expected: int
) -> None:
    assert score_of(Signals(NOW_MS, own, wallet, relations)) == expected


@settings(max_examples=60, deadline=None)
@given(signals)
def test_a_score_is_its_factors_and_stays_on_its_scale(known: Signals) -> None:
    points = points_of(known)
    assert [added.factor for added in points] == list(Factor)
    assert all(0 <= added.points <= POINTS_MAX[added.factor] for added in points)
    assert 350 <= score_of(known) == 350 + sum(added.points for added in points) <= 950
    assert score_of(known) == score_of(replace(known)), "the same signals have the same score"


def _own(name: str, more: int) -> Callable[[Signals], Signals]:
    def change(known: Signals) -> Signals:
        own: Any = {name: getattr(known.own, name) + more}
        return replace(known, own=replace(known.own, **own))

    return change


BETTER = [_own("channels", 1), _own("loans_repaid", 1), _own("known_since_ms", -(10**10))]
WORSE = [
    *(_own(name, 1) for name in ("open_cases", "loans_late", "loans_written_off", "conducts")),
    _own("owed_fen", 10**6),
]


@settings(max_examples=60, deadline=None)
@given(signals, st.sampled_from(BETTER), st.sampled_from(WORSE))
def test_what_is_good_never_costs_points_and_what_is_not_never_brings_any(
    known: Signals, better: Callable[[Signals], Signals], worse: Callable[[Signals], Signals]
) -> None:
    assert score_of(worse(known)) <= score_of(known) <= score_of(better(known))


@settings(max_examples=40, deadline=None)
@given(signals, st.integers(1, 10**7), st.integers(1, 100), st.integers(0, 1000))
def test_more_money_and_more_verified_friends_never_cost_points(
    known: Signals, more_fen: int, more_friends: int, permille: int
) -> None:
    if known.wallet is not None:
        richer = replace(known.wallet, balance_fen=known.wallet.balance_fen + more_fen)
        assert score_of(replace(known, wallet=richer)) >= score_of(known)
    if known.relations is not None:
        more = replace(known.relations, friends=known.relations.friends + more_friends)
        assert score_of(replace(known, relations=more)) >= score_of(known)
        surer = replace(more, verified_permille=max(more.verified_permille, permille))
        assert score_of(replace(known, relations=surer)) >= score_of(replace(known, relations=more))


@settings(max_examples=60, deadline=None)
@given(signals)
def test_what_is_said_to_raise_a_score_raises_it_by_as_much(known: Signals) -> None:
    gains = gains_of(known)
    for gain in gains:
        after = done(known, gain.by)
        assert score_of(after) - score_of(known) == gain.points > 0
        rises = {
            later.factor: later.points - now.points
            for now, later in zip(points_of(known), points_of(after), strict=True)
        }
        assert rises[gain.factor] == max(rises.values())
    assert [gain.points for gain in gains] == sorted((gain.points for gain in gains), reverse=True)
    silent = set(Raise) - {gain.by for gain in gains}
    assert all(score_of(done(known, by)) == score_of(known) for by in silent)


def test_nothing_raises_the_best_score_and_much_raises_the_worst() -> None:
    assert gains_of(Signals(NOW_MS, BEST, RICH, MANY)) == ()
    found = {gain.by for gain in gains_of(Signals(NOW_MS, replace(WORST, loans_written_off=0), POOR, NONE))}
    assert found >= {Raise.VERIFY_PERSON, Raise.PAY_OVERDUE, Raise.KEEP_RULES, Raise.MAKE_FRIENDS}
    assert Raise.BIND_CARD not in found


def test_everything_is_explained_in_both_languages() -> None:
    assert FACTOR_NAMES.keys() == set(Factor)
    assert RAISE_SENTENCES.keys() == set(Raise)
    for sentences in (*FACTOR_NAMES.values(), *RAISE_SENTENCES.values()):
        assert all(sentences[language] for language in Language)


@pytest.mark.parametrize(
    ("signal", "worth"), [(-5, 10), (0, 10), (1, 11), (2, 13), (3, 15), (6, 20), (7, 20), (10**18, 20)]
)
def test_a_curve_is_straight_between_its_corners_and_flat_beyond(signal: int, worth: int) -> None:
    assert curve((0, 10), (3, 15), (6, 20)).at(signal) == worth


@pytest.mark.parametrize("corners", [(), ((1, 0), (1, 5)), ((0, 5), (1, 4))])
def test_a_curve_never_falls(corners: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(AssertionError):
        curve(*corners)
