from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.domain.supply.plan import SupplyPlan, split_supply

bounds = st.integers(0, 10_000_000_000)
plans = st.builds(
    SupplyPlan, limits=st.tuples(*[bounds] * 5), quotas=st.tuples(*[st.integers(0, 50_000_000_000)] * 4)
)
shard_counts = st.integers(0, 10).map(lambda power: 1 << power)


@settings(deadline=None)
@given(plans, shard_counts)
def test_the_parts_add_up_to_every_limit_and_quota(plan: SupplyPlan, shard_count: int) -> None:
    parts = split_supply(plan, shard_count)
    assert len(parts) == shard_count
    assert tuple(map(sum, zip(*(part.limits for part in parts), strict=True))) == plan.limits
    assert tuple(map(sum, zip(*(part.quotas for part in parts), strict=True))) == plan.quotas


@settings(deadline=None)
@given(plans, shard_counts)
def test_no_shard_gets_two_cards_more_than_another(plan: SupplyPlan, shard_count: int) -> None:
    parts = split_supply(plan, shard_count)
    for column in zip(*(part.limits for part in parts), strict=True):
        assert max(column) - min(column) <= 1
    totals = [sum(part.limits) for part in parts]
    assert max(totals) - min(totals) <= 1


def test_one_card_of_each_kind_lands_on_different_shards() -> None:
    parts = split_supply(SupplyPlan((1,) * 5, (5, 0, 0, 0)), 4)
    assert [part.limits for part in parts] == [
        (1, 0, 0, 0, 1),
        (0, 1, 0, 0, 0),
        (0, 0, 1, 0, 0),
        (0, 0, 0, 1, 0),
    ]


def test_a_plan_with_a_missing_or_negative_bound_is_refused() -> None:
    with pytest.raises(AssertionError, match="one limit for each card"):
        SupplyPlan((1,) * 4, (1,) * 4)
    with pytest.raises(AssertionError, match="not negative"):
        SupplyPlan((1, 1, -1, 1, 1), (1,) * 4)
