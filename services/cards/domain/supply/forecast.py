"""How many deals are still to come: the organiser's plan, corrected by the deals that were seen."""

from __future__ import annotations

from services.cards.domain.supply.curve import LINEAR, WHOLE_PPM, ReleaseCurve
from services.cards.domain.supply.plan import SupplyPlan

PRIOR_PER_PLAN = 20
"""The plan weighs as much as this part of all expected deals seen to the letter: a twentieth."""
_EVEN_PER_PLAN = 8
"""This part of the plan, an eighth, is expected evenly over time whatever the curve says: so that a curve
which ends early does not make scarce cards run out with it."""


def expected_deals(plan: SupplyPlan, window_ms: int, elapsed_ms: int, seen_deals: int) -> int:
    """Deals from now until the planned hour, or until the deadline once that has passed.

    Demand is taken to keep its ratio to the plan, as in a gamma-Poisson model with the plan as prior: after a
    part P of the planned deals, of which S were seen, it is (w + S) / (w + P), for a prior of w deals.
    """
    expected = plan.deals_expected
    horizon_ms = plan.rare_until_offset_ms or window_ms
    if elapsed_ms >= horizon_ms:
        horizon_ms = window_ms
    planned = planned_deals(plan.curve, expected, elapsed_ms, window_ms)
    to_come = planned_deals(plan.curve, expected, horizon_ms, window_ms) - planned
    prior = max(1, expected // PRIOR_PER_PLAN)
    return to_come * (prior + seen_deals) // (prior + planned)


def planned_deals(curve: ReleaseCurve, expected: int, elapsed_ms: int, window_ms: int) -> int:
    """Deals that the plan expects up to a moment: along the curve after its first point, and some evenly."""
    evenly = LINEAR.released(expected, min(elapsed_ms, window_ms), window_ms)
    first_ppm = curve.points[0].released_ppm if curve.points else 0
    if curve.is_at_once or first_ppm == WHOLE_PPM:
        return evenly
    # What a curve releases to begin with is there to be dealt, not dealt.
    first = expected * first_ppm // WHOLE_PPM
    along = max(0, curve.released(expected, elapsed_ms, window_ms) - first)
    along = along * WHOLE_PPM // (WHOLE_PPM - first_ppm)
    return (along * (_EVEN_PER_PLAN - 1) + evenly) // _EVEN_PER_PLAN
