"""What a sweep found, as a picture with both options of 2016 in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from services.cli.planner.calibration import (
    PEOPLE_2016,
    POOL_FEN_2016,
    RARE_LIMIT_2016,
    SETS_2016,
    SETS_ALTERNATIVE,
)
from services.cli.planner.curve import Curve
from services.cli.planner.estimate import INTERVAL, Estimate, Interval
from services.cli.planner.setting import Setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RED, _GOLD, _GREY = "#c8102e", "#b8860b", "#666666"
_INCHES = (11.0, 8.0)
_DOTS_AN_INCH = 130


def draw(curve: Curve, setting: Setting, chosen: Estimate | None, file: BinaryIO) -> None:
    """Writes a PNG: sets, share, completing people and wasted cards by the rare-card limit."""
    # Takes most of a second to load, and only who wants a picture needs it. No window system is asked for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - see above
    from matplotlib.figure import Figure  # noqa: PLC0415 - see above

    figure = Figure(figsize=_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    sets, share, completing, wasted = figure.subplots(2, 2).flat
    estimates = curve.estimates
    _line(sets, estimates, [one.sets for one in estimates], 1, "sets completed")
    _line(share, estimates, [one.share_fen for one in estimates], 100, "share of each, yuan")
    _line(completing, estimates, [one.completing_ppm for one in estimates], 10_000, "of active people, %")
    unfinished = [_per_issued(one, one.rare_unfinished) for one in estimates]
    left_over = [_per_issued(one, one.rare_left_over) for one in estimates]
    _line(wasted, estimates, unfinished, 10_000, "rare cards wasted, % of those issued", "never finished")
    _line(wasted, estimates, left_over, 10_000, colour=_GREY, label="left over from a set")
    _mark_2016(sets, share, curve, setting)
    for axes in (sets, share, completing, wasted):
        _finish(axes, chosen)
    figure.suptitle(
        f"{setting.people:,} people, pool {setting.pool_fen // 100:,} yuan, {setting.days} days"
        f"  ·  bands: {INTERVAL}, {estimates[0].seeds} seeds of {setting.sample:,} people",
        fontsize=10,
    )
    figure.savefig(file, format="png", dpi=_DOTS_AN_INCH)


def _per_issued(estimate: Estimate, cards: Interval) -> Interval:
    """Cards in a million of the rare ones that were issued."""
    issued = max(estimate.rare_issued.mean, 1)
    return Interval(*(count * 1_000_000 // issued for count in (cards.mean, cards.low, cards.high)))


def _line(
    axes: Axes,
    estimates: Sequence[Estimate],
    values: Sequence[Interval],
    unit: int,
    title: str = "",
    label: str = "",
    colour: str = _RED,
) -> None:
    limits = [one.rare_limit for one in estimates]
    axes.plot(
        limits, [one.mean / unit for one in values], color=colour, marker="o", markersize=3.5, label=label
    )
    axes.fill_between(
        limits,
        [one.low / unit for one in values],
        [one.high / unit for one in values],
        color=colour,
        alpha=0.25,
        linewidth=0,
    )
    if title:
        axes.set_title(title, fontsize=10)


def _mark_2016(sets: Axes, share: Axes, curve: Curve, setting: Setting) -> None:
    """What was, and what was weighed, where the curve has so many sets; scaled for other games."""
    scale = setting.people / PEOPLE_2016
    is_2016 = setting.people == PEOPLE_2016 and setting.pool_fen == POOL_FEN_2016
    rare, many, few = RARE_LIMIT_2016 * scale, SETS_ALTERNATIVE * scale, SETS_2016[0] * scale
    was = "2016: 0.79 million\nat 271.66 yuan each" if is_2016 else "as few as in 2016"
    weighed = "weighed: 20 million\nat about 10 yuan each" if is_2016 else "as many as were weighed in 2016"
    _mark(sets, (rare, few), "*", was, right=True, above=False)
    _mark(share, (rare, _yuan_each(setting, few)), "*", f"{rare:,.0f} rare cards", right=True, above=True)
    limit = curve.limit_for(many)
    if limit is None:
        sets.axhline(many, color=_GREY, linestyle=":", label=weighed.replace("\n", " "))
        return
    _mark(sets, (limit, many), "D", weighed, right=False, above=True)
    found = f"{limit:,.0f} rare cards"
    _mark(share, (limit, _yuan_each(setting, many)), "D", found, right=False, above=False)


def _yuan_each(setting: Setting, sets: float) -> float:
    # A place in a picture, and no money.
    return setting.pool_fen / 100 / sets


def _mark(
    axes: Axes, place: tuple[float, float], marker: str, text: str, *, right: bool, above: bool
) -> None:
    axes.plot(*place, marker, color=_GOLD, markersize=14 if marker == "*" else 8, zorder=5)
    axes.annotate(
        text,
        place,
        textcoords="offset points",
        xytext=(12 if right else -12, 6 if above else -6),
        ha="left" if right else "right",
        va="bottom" if above else "top",
        fontsize=8,
    )


def _finish(axes: Axes, chosen: Estimate | None) -> None:
    axes.set_xscale("log")
    if axes.dataLim.y0 > 0:  # Nothing on it is 0.
        axes.set_yscale("log")
    axes.set_xlabel("rare cards", fontsize=9)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.tick_params(labelsize=8)
    if chosen is not None:
        axes.axvline(chosen.rare_limit, color=_GREY, linestyle="--", linewidth=1, label="plan")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=8)
