from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.allocation.domain.split import split
from services.allocation.domain.values import Packets


@given(st.data())
def test_parts_add_up_exactly_and_each_can_be_paid_out(data: st.DataObject) -> None:
    shard_count = 2 ** data.draw(st.integers(0, 6))
    count = data.draw(st.integers(shard_count, 10**8))
    min_fen = data.draw(st.integers(1, 10**4))
    max_fen = data.draw(st.integers(min_fen, 10**5))
    budget_fen = data.draw(st.integers(count * min_fen, count * max_fen))
    whole = Packets(count=count, budget_fen=budget_fen, min_fen=min_fen, max_fen=max_fen)

    parts = split(whole, shard_count)

    assert len(parts) == shard_count
    assert sum(part.count for part in parts) == count
    assert sum(part.budget_fen for part in parts) == budget_fen
    assert all(part.feasible for part in parts)
    assert max(part.count for part in parts) - min(part.count for part in parts) <= 1
    for part in parts:
        # A packet is worth the same wherever it is, to the fraction of a fen over the whole part.
        assert abs(part.budget_fen * count - budget_fen * part.count) <= count


def test_the_first_round_of_2016_over_16_shards() -> None:
    whole = Packets(count=60_000_000, budget_fen=10_000_000_000, min_fen=1, max_fen=880)
    parts = split(whole, 16)
    assert {part.count for part in parts} == {3_750_000}
    assert {part.budget_fen for part in parts} == {625_000_000}
