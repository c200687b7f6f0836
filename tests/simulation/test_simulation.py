"""Whole evenings while the mesh falls apart. `SIMULATION_SEEDS=1-100` plays others; see the README."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.seeds import seeds_of
from tests.simulation.simulate import simulate

SEEDS = seeds_of(os.environ.get("SIMULATION_SEEDS", "1-5"))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_every_fen_and_every_card_is_where_it_should_be(seed: int) -> None:
    outcome = simulate(seed)
    # An evening in which nothing happened, or nothing went wrong, would prove nothing.
    assert outcome.packets_won + outcome.gifts > 0
    assert outcome.faults["request lost"]
    assert outcome.faults["response lost"]
    assert any("dies" in line for line in outcome.history)
    assert any("second owner" in line for line in outcome.history)


def test_the_same_seed_gives_the_same_evening_in_every_process() -> None:
    seed = SEEDS[0]
    command = (sys.executable, "-m", "tests.simulation", str(seed))
    # Another order of sets and of addresses in memory must not show.
    environment = {**os.environ, "PYTHONHASHSEED": "2016"}
    other = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    assert f"digest {simulate(seed).digest}" in other.stdout
