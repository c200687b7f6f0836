"""When a score has to be computed anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.identity.domain.credit.score import FactorState, Freshness, Kept, computed
from services.identity.domain.credit.signals import RelationFacts, Signals, WalletFacts
from services.identity.domain.people import PersonId
from tests.unit.identity.credit.world import NEW, NOW_MS

FRESHNESS = Freshness(age_ms_max=1_000, retry_ms=10)
WALLET, RELATIONS = WalletFacts(NOW_MS, 5, is_frozen=False), RelationFacts(NOW_MS, 1, 0)


def _kept(wallet: WalletFacts | None, relations: RelationFacts | None) -> Kept:
    signals = Signals(NOW_MS, NEW, wallet, relations)
    return Kept(computed(PersonId(1), signals), signals)


@pytest.mark.parametrize(
    ("kept", "after_ms", "stands"),
    [
        (_kept(WALLET, RELATIONS), 0, True),
        (_kept(WALLET, RELATIONS), 999, True),
        (_kept(WALLET, RELATIONS), 1_000, False),
        (_kept(WALLET, RELATIONS), -1, False),
        (_kept(None, RELATIONS), 9, True),
        (_kept(None, RELATIONS), 10, False),
        (_kept(WALLET, replace(RELATIONS, as_of_ms=NOW_MS - 1)), 10, False),
    ],
)
def test_a_score_stands_for_a_time_that_depends_on_who_was_asked(
    kept: Kept, after_ms: int, *, stands: bool
) -> None:
    assert FRESHNESS.holds(kept, NEW, NOW_MS + after_ms) is stands


def test_a_score_falls_at_once_when_identity_itself_knows_better() -> None:
    kept = _kept(WALLET, RELATIONS)
    assert not FRESHNESS.holds(kept, replace(NEW, conducts=1), NOW_MS)
    older = replace(kept, score=replace(kept.score, rules_version=0))
    assert not FRESHNESS.holds(older, NEW, NOW_MS)


def test_a_factor_says_what_it_was_computed_from() -> None:
    states = [
        [factor.state for factor in _kept(wallet, relations).score.factors]
        for wallet, relations in [
            (WALLET, RELATIONS),
            (replace(WALLET, as_of_ms=1), None),
        ]
    ]
    fresh = FactorState.FRESH
    assert states[0] == [fresh] * 5
    assert states[1] == [fresh, fresh, FactorState.LAST_KNOWN, fresh, FactorState.NEUTRAL]
