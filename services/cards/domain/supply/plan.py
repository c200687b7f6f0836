"""How many cards may exist, by when, and what the organiser expects."""

from __future__ import annotations

from dataclasses import dataclass

from services.cards.domain.supply.curve import AT_ONCE, ReleaseCurve
from services.cards.domain.vocabulary import CARDS, SOURCES


@dataclass(frozen=True, slots=True)
class SupplyPlan:
    """Hard bounds on what a game, or one shard's part of it, may issue."""

    limits: tuple[int, ...]
    """Cards that may ever be issued, for each of `CARDS` in order."""
    quotas: tuple[int, ...]
    """Cards that may be dealt from each of `SOURCES` in order, whatever their kind. None from others."""
    curve: ReleaseCurve = AT_ONCE
    """By when how much of every limit may be out, and when deals are expected."""
    quota_curves: tuple[ReleaseCurve, ...] = (AT_ONCE,) * len(SOURCES)
    """By when how much of each quota may be dealt."""
    expected_deals: int = 0
    """Deals that the organiser expects in all; 0 for the sum of the quotas."""
    rare_until_offset_ms: int = 0
    """Until when scarce cards last, milliseconds after the opening; 0 for the deadline."""

    def __post_init__(self) -> None:
        lacking = len(SOURCES) - len(self.quotas)
        if lacking > 0:
            # Plans from before there was a source do not name it.
            object.__setattr__(self, "quotas", self.quotas + (0,) * lacking)
        assert len(self.limits) == len(CARDS), "one limit for each card"
        assert len(self.quotas) == len(self.quota_curves) == len(SOURCES), "one quota for each source"
        assert min(*self.limits, *self.quotas) >= 0, "bounds are not negative"
        assert min(self.expected_deals, self.rare_until_offset_ms) >= 0, "expectations are not negative"

    @property
    def deals_expected(self) -> int:
        """Deals that are expected in all: never more than may be dealt."""
        quota = sum(self.quotas)
        return min(self.expected_deals, quota) if self.expected_deals else quota

    def problem(self, window_ms: int) -> tuple[str, str] | None:
        """The first field that contradicts the plan, or a game of `window_ms`, and why; None for none."""
        why = self.curve.problem(window_ms)
        if why is not None:
            return "release_curve", why
        for source, curve in zip(SOURCES, self.quota_curves, strict=True):
            why = curve.problem(window_ms)
            if why is not None:
                return f"source_quotas.{source.name}.release_curve", why
        if self.rare_until_offset_ms > window_ms:
            return "rare_until_offset_ms", "the planned hour is after the deadline"
        return None
