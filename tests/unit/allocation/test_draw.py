from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.allocation.domain.draw import draw
from services.allocation.domain.values import BeaconValue, Packets, Seed, StockId
from tests.unit.allocation.chi_square import favours_a_position
from tests.unit.allocation.reference_draw import reference_draw
from tests.unit.allocation.terms import SEED

STOCK = StockId("spring.round-1")


@st.composite
def feasible_packets(draw_from: st.DrawFn, count_max: int = 60) -> Packets:
    count = draw_from(st.integers(1, count_max))
    min_fen = draw_from(st.one_of(st.integers(1, 5), st.integers(1, 10**9)))
    max_fen = draw_from(
        st.one_of(st.integers(min_fen, min(10**9, min_fen + 20)), st.integers(min_fen, 10**9))
    )
    budget_fen = draw_from(
        st.one_of(
            st.integers(count * min_fen, count * max_fen),
            st.just(count * min_fen),
            st.just(count * max_fen),
            st.integers(0, min(count * (max_fen - min_fen), 3)).map(lambda extra: count * min_fen + extra),
        )
    )
    return Packets(count=count, budget_fen=budget_fen, min_fen=min_fen, max_fen=max_fen)


@given(
    feasible_packets(),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 1023),
    st.none() | st.binary(min_size=16, max_size=64),
)
@settings(max_examples=150, deadline=None)
def test_amounts_add_up_exactly_within_bounds_and_follow_the_published_rules(
    packets: Packets, seed: bytes, shard: int, beacon: bytes | None
) -> None:
    value = None if beacon is None else BeaconValue(beacon)
    amounts = draw(Seed(seed), STOCK, shard, packets, value).tolist()
    assert len(amounts) == packets.count
    assert sum(amounts) == packets.budget_fen
    assert min(amounts) >= packets.min_fen
    assert max(amounts) <= packets.max_fen
    assert amounts == reference_draw(
        seed, STOCK, shard, packets.count, packets.budget_fen, packets.min_fen, packets.max_fen, beacon
    )


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        (Packets(count=5, budget_fen=835, min_fen=1, max_fen=880), [129, 125, 245, 175, 161]),
        (Packets(count=5, budget_fen=4000, min_fen=1, max_fen=880), [794, 833, 822, 789, 762]),
        (Packets(count=5, budget_fen=8, min_fen=1, max_fen=880), [2, 1, 1, 2, 2]),
        (Packets(count=3, budget_fen=30, min_fen=10, max_fen=10), [10, 10, 10]),
        (Packets(count=1, budget_fen=77, min_fen=1, max_fen=100), [77]),
    ],
)
def test_known_inputs_give_the_amounts_that_they_always_gave(packets: Packets, expected: list[int]) -> None:
    assert draw(SEED, STOCK, 3, packets).tolist() == expected


def test_a_known_beacon_gives_the_amounts_that_it_always_gave() -> None:
    packets = Packets(count=5, budget_fen=835, min_fen=1, max_fen=880)
    assert draw(SEED, STOCK, 3, packets, BeaconValue(bytes(range(32)))).tolist() == [207, 181, 204, 201, 42]


def test_pieces_fit_together_in_a_draw_of_many_packets() -> None:
    packets = Packets(count=600_001, budget_fen=600_001 * 167, min_fen=1, max_fen=880)
    amounts = draw(SEED, STOCK, 0, packets)
    assert int(amounts.sum(dtype=np.int64)) == packets.budget_fen
    # Neighbours across the border of a piece are as unlike as any: the stream goes on, it does not repeat.
    assert not np.array_equal(amounts[:1000], amounts[1 << 18 : (1 << 18) + 1000])


def test_every_seed_stock_shard_and_beacon_has_amounts_of_its_own() -> None:
    packets = Packets(count=50, budget_fen=50 * 167, min_fen=1, max_fen=880)
    draws = [
        draw(SEED, STOCK, 0, packets),
        draw(Seed(bytes(32)), STOCK, 0, packets),
        draw(SEED, StockId("spring.round-2"), 0, packets),
        draw(SEED, STOCK, 1, packets),
        draw(SEED, STOCK, 0, packets, BeaconValue(bytes(16))),
        draw(SEED, STOCK, 0, packets, BeaconValue(bytes(17))),
    ]
    assert len({amounts.tobytes() for amounts in draws}) == len(draws)


@pytest.mark.parametrize(
    "packets",
    [
        Packets(count=3, budget_fen=300, min_fen=1, max_fen=298),
        Packets(count=8, budget_fen=8 * 167, min_fen=1, max_fen=880),
        Packets(count=5, budget_fen=5 * 700, min_fen=1, max_fen=880),
        Packets(count=7, budget_fen=9, min_fen=1, max_fen=3),
    ],
    ids=["three", "usual", "generous", "scarce"],
)
def test_no_position_is_favoured(packets: Packets) -> None:
    """Every index has the same mean, and the largest packet is at every index equally often."""
    rounds = 4_000
    draws = np.array(
        [draw(Seed(number.to_bytes(32, "big")), STOCK, 0, packets) for number in range(rounds)], np.float64
    )
    mean = packets.budget_fen / packets.count
    error = draws.std(axis=0) / np.sqrt(rounds)
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 4 * error)

    # A tie for the largest counts for all who share it.
    largest = draws == draws.max(axis=1, keepdims=True)
    share = (largest / largest.sum(axis=1, keepdims=True)).sum(axis=0)
    expected = rounds / packets.count
    chi_square = float(((share - expected) ** 2 / expected).sum())
    # 99.99 % of a chi-square with up to 7 degrees of freedom lies below; ties only make it smaller.
    assert chi_square < 29.9


def test_amounts_reach_from_the_smallest_nearly_to_the_largest() -> None:
    amounts = draw(SEED, STOCK, 0, Packets(count=200_000, budget_fen=200_000 * 167, min_fen=1, max_fen=880))
    assert int(amounts.min()) == 1
    assert int(amounts.max()) > 700
    # Many small ones, few large ones: the shape that people know.
    assert int(np.median(amounts)) < 167


def test_no_position_is_favoured_in_40_000_draws() -> None:
    """As above, with ten times as many draws, and by how often each position gets how much."""
    packets = Packets(count=3, budget_fen=1_000, min_fen=1, max_fen=880)
    amounts = np.array([draw(SEED, STOCK, number, packets) for number in range(40_000)], np.int64)
    assert not favours_a_position(amounts)
