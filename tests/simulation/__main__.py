"""Plays evenings by their seeds: `python -m tests.simulation 17`, `python -m tests.simulation 1-100`."""

from __future__ import annotations

import sys
import time

from tests.simulation.seeds import seeds_of
from tests.simulation.simulate import EveningFailed, simulate


def main() -> None:
    """Prints a line for each evening, and the history of a single one; exits with 1 after a failure."""
    seeds = [seed for words in sys.argv[1:] for seed in seeds_of(words)]
    failed = 0
    for seed in seeds:
        began_s = time.monotonic()
        try:
            outcome = simulate(seed)
        except EveningFailed as failure:
            failed += 1
            sys.stdout.write(f"{failure}\n")
            continue
        if len(seeds) == 1:
            sys.stdout.write("\n".join(outcome.history) + f"\n{outcome.told}\n{outcome.faults}\n")
        sys.stdout.write(
            f"seed {seed}: {outcome.virtual_s:.1f} virtual s in {time.monotonic() - began_s:.1f} s, "
            f"{outcome.packets_won} packets after {outcome.packets_moved} moves, "
            f"{outcome.waited} waited and {outcome.went_back} went back, "
            f"{outcome.envelopes} envelopes with {outcome.shares} shares, "
            f"{outcome.gifts} gifts, {outcome.sets_completed} sets, "
            f"{outcome.records} records, digest {outcome.digest}\n"
        )
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
