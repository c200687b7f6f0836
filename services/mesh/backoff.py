"""Pauses between attempts: growing, bounded, jittered, so that many who failed at once come back apart."""

from __future__ import annotations

import random


class Backoff:
    """The pauses of one series of attempts. Each is drawn between half of the step and the step.

    The step doubles from `ms_min` to `ms_max`. `reset` after a success begins a new series.
    """

    def __init__(self, ms_min: int, ms_max: int, rng: random.Random | None = None) -> None:
        if not 0 < ms_min <= ms_max:
            raise ValueError(f"a backoff cannot go from {ms_min} to {ms_max} ms")
        self._ms_min = ms_min
        self._ms_max = ms_max
        self._step_ms = ms_min
        # Jitter needs no secrecy. It comes from the process's common source, which a simulation seeds.
        self._draw = random.random if rng is None else rng.random

    def next_s(self) -> float:
        """The next pause, in seconds."""
        step_ms = self._step_ms
        self._step_ms = min(step_ms * 2, self._ms_max)
        return step_ms * (0.5 + self._draw() / 2) / 1000

    def reset(self) -> None:
        """Begins again at the shortest pause."""
        self._step_ms = self._ms_min
