"""How many cards may exist, by when, and how that is split over shards without one card more or less."""

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
    """Cards that may be dealt from each of `SOURCES` in order, whatever their kind."""
    curve: ReleaseCurve = AT_ONCE
    """By when how much of every limit may be out, and when deals are expected."""
    quota_curves: tuple[ReleaseCurve, ...] = (AT_ONCE,) * len(SOURCES)
    """By when how much of each quota may be dealt."""
    expected_deals: int = 0
    """Deals that the organiser expects in all; 0 for the sum of the quotas."""
    rare_until_offset_ms: int = 0
    """Until when scarce cards last, milliseconds after the opening; 0 for the deadline."""

    def __post_init__(self) -> None:
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
        why = self.curve.problem()
        if why is not None:
            return "release_curve", why
        for source, curve in zip(SOURCES, self.quota_curves, strict=True):
            why = curve.problem()
            if why is not None:
                return f"source_quotas.{source.name}.release_curve", why
        if self.rare_until_offset_ms > window_ms:
            return "rare_until_offset_ms", "the planned hour is after the deadline"
        return None


def split_supply(plan: SupplyPlan, shard_count: int) -> tuple[SupplyPlan, ...]:
    """The part of each shard, by number. For every bound the parts add up to the whole exactly.

    No two parts of one bound differ by more than one card, nor do the total limits of two shards: what a
    division leaves over goes round the shards, each card going on where the one before it stopped.
    """
    limits = _split_columns(plan.limits, shard_count)
    quotas = _split_columns(plan.quotas, shard_count)
    parts = tuple(SupplyPlan(limits[shard], quotas[shard]) for shard in range(shard_count))
    for index, whole in enumerate(plan.limits):
        assert sum(part.limits[index] for part in parts) == whole, "parts add up to the limit"
    for index, whole in enumerate(plan.quotas):
        assert sum(part.quotas[index] for part in parts) == whole, "parts add up to the quota"
    return parts


def _split_columns(wholes: tuple[int, ...], shard_count: int) -> list[tuple[int, ...]]:
    """Rows by shard of what each whole gives it."""
    columns = []
    next_shard = 0
    for whole in wholes:
        base, extra = divmod(whole, shard_count)
        column = [base] * shard_count
        for step in range(extra):
            column[(next_shard + step) % shard_count] += 1
        next_shard = (next_shard + extra) % shard_count
        columns.append(column)
    return [tuple(column[shard] for column in columns) for shard in range(shard_count)]
