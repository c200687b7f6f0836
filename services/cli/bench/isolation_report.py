"""What `bench isolation` came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from services.cli.bench.report import ZERO, Report, Target
from services.cli.console import Refusal

_BUSY_PER_S = 0.01
_NONE = Target(at_least=0, at_most=0)
"""For what should not happen, and may where something else has the machine."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of load, and what the processes that made it found."""

    name: str
    is_saturated: bool
    claims: Mapping[str, Any]
    burst: Mapping[str, Any] | None
    """None where there was no burst."""
    cpu_s: Mapping[str, float]
    """Processor time by process of the mesh, while the load came."""

    @property
    def claims_per_s(self) -> float:
        """Packets that people were told of a second, while the load came."""
        return float(self.claims["won_in_time"]) / float(self.claims["seconds"])

    def line(self) -> str:
        """What it came to, in a line."""
        text = f"{self.name}: {self.claims_per_s:,.0f} claims/s, p99 {p99(self.claims['accepted_ms']):.1f} ms"
        if self.claims["late"] or self.claims["others"]:
            text += f", {self.claims['late']} late, {self.claims['others']}"
        if self.burst is not None:
            for kind in ("shares", "messages"):
                part = self.burst[kind]
                text += (
                    f"; {kind} {len(part['accepted_ms'])} in, p99 {p99(part['accepted_ms']):.0f} ms, "
                    f"{len(part['refused_ms'])} refused, p99 {p99(part['refused_ms']):.0f} ms"
                )
                if part["late"] or part["others"]:
                    text += f", {part['late']} late, {part['others']}"
        busy = {name: cpu / self.claims["seconds"] for name, cpu in self.cpu_s.items()}
        most = sorted(busy.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{name} {share:.2f}" for name, share in most if share >= _BUSY_PER_S)
        return f"{text}\n  processors: {shown}"


def p99(samples_ms: Sequence[float], percentile: float = 99) -> float:
    """A percentile; 0 of nothing."""
    return float(np.percentile(np.asarray(samples_ms), percentile)) if len(samples_ms) else 0.0


def report_on(phases: Sequence[Phase], report: Report) -> Report:
    """Adds what the phases came to."""
    steady = [phase for phase in phases if not phase.is_saturated]
    _add_claims(report, steady)
    bursts = [phase.burst for phase in phases if phase.burst is not None]
    _add_messages(report, [burst["messages"] for burst in bursts])
    _add_shares(report, [burst["shares"] for burst in bursts])
    saturated = [phase for phase in phases if phase.is_saturated]
    if saturated:
        quiet, burst = _mean_per_s(saturated, with_burst=False), _mean_per_s(saturated, with_burst=True)
        report.add("saturated_claims_per_s", round(quiet), "packets a second, as fast as they are answered")
        report.add("saturated_claims_per_s_burst", round(burst), "the same beside the burst")
        report.add("saturated_claims_ratio", round(burst / quiet, 3), "the second by the first")
    return report


def _add_claims(report: Report, phases: Sequence[Phase]) -> None:
    quiet, burst = _mean_per_s(phases, with_burst=False), _mean_per_s(phases, with_burst=True)
    if not quiet:
        raise Refusal("nobody has won anything: look at the logs, with --folder and Ctrl-C")
    calm_ms = _all(phase.claims["accepted_ms"] for phase in phases if phase.burst is None)
    hard_ms = _all(phase.claims["accepted_ms"] for phase in phases if phase.burst is not None)
    report.add("claims_per_s", round(quiet, 1), "packets a second that people were told of, on their own")
    report.add("claims_per_s_burst", round(burst, 1), "the same beside the burst")
    report.add("claims_ratio", round(burst / quiet, 3), "the second by the first", Target(at_least=0.9))
    report.add("claims_p50_ms", round(p99(calm_ms, 50), 2), "from when a tap was due to its answer")
    report.add("claims_p50_ms_burst", round(p99(hard_ms, 50), 2), "the same beside the burst")
    calm_p99_ms, hard_p99_ms = _usual_p99(phases, with_burst=False), _usual_p99(phases, with_burst=True)
    report.add(
        "claims_p99_ms", round(calm_p99_ms, 2), "the slowest hundredth, in the middle one of stretches"
    )
    report.add("claims_p99_ms_burst", round(hard_p99_ms, 2), "the same beside the burst")
    report.add(
        "claims_p99_ratio", round(hard_p99_ms / calm_p99_ms, 3), "the second by the first", Target(at_most=2)
    )
    report.add("claims_p99_all_ms", round(p99(calm_ms), 2), "the slowest hundredth of all stretches together")
    report.add("claims_p99_all_ms_burst", round(p99(hard_ms), 2), "the same beside the burst")
    failed = sum(_failed(phase.claims) for phase in phases)
    report.add("claims_failed", failed, "taps without a packet, in all of it", _NONE)


def _add_messages(report: Report, parts: Sequence[Mapping[str, Any]]) -> None:
    accepted, delivered = _count(parts, "accepted_ms"), sum(part["delivered"] for part in parts)
    report.add("messages_accepted", accepted, "of all that came", Target(at_least=1, is_required=True))
    report.add(
        "messages_delivered",
        delivered,
        "of those, shown to who they are for",
        Target(at_least=accepted, at_most=accepted, is_required=True),
    )
    report.add("messages_twice", sum(part["twice"] for part in parts), "shown more than once", ZERO)
    report.add(
        "messages_out_of_order",
        sum(part["out_of_order"] for part in parts),
        "with a gap, or not in order",
        ZERO,
    )
    report.add("messages_refused", _count(parts, "refused_ms"), "at once, with a delay")
    _add_refusals(report, "messages", parts)
    delivered_ms = _all(part["delivered_ms"] for part in parts)
    report.add("message_delivered_p99_ms", round(p99(delivered_ms), 1), "from being accepted to being shown")


def _add_shares(report: Report, parts: Sequence[Mapping[str, Any]]) -> None:
    report.add("shares_accepted", _count(parts, "accepted_ms"), "envelopes that were sent, shares claimed")
    report.add("shares_refused", _count(parts, "refused_ms"), "at once, with a delay")
    report.add(
        "envelopes_wrong", sum(part["wrong"] for part in parts), "that do not say what people were told", ZERO
    )
    _add_refusals(report, "shares", parts)


def _add_refusals(report: Report, kind: str, parts: Sequence[Mapping[str, Any]]) -> None:
    one = kind.removesuffix("s")
    for name, key in (("accepted", "accepted_ms"), ("refused", "refused_ms")):
        samples_ms = _all(part[key] for part in parts)
        report.add(f"{one}_{name}_p99_ms", round(p99(samples_ms), 1), f"until {kind} are {name}")
    report.add(f"{kind}_late", sum(part["late"] for part in parts), "neither accepted nor refused", _NONE)
    report.add(
        f"{kind}_without_delay",
        sum(part["without_delay"] for part in parts),
        "refused without saying when to come again",
        ZERO,
    )
    others = sum(sum(part["others"].values()) + part["held_back"] for part in parts)
    report.add(f"{kind}_failed", others, "for any other reason", _NONE)


def _mean_per_s(phases: Sequence[Phase], *, with_burst: bool) -> float:
    found = [phase.claims_per_s for phase in phases if (phase.burst is not None) == with_burst]
    return sum(found) / len(found)


def _usual_p99(phases: Sequence[Phase], *, with_burst: bool) -> float:
    """The p99 of the middle one of all stretches with or without the burst.

    A disk that stands still for 0.2 s, once, is the slowest hundredth of whichever stretch it meets.
    """
    return median(
        p99(phase.claims["accepted_ms"]) for phase in phases if (phase.burst is not None) == with_burst
    )


def _failed(claims: Mapping[str, Any]) -> int:
    return int(claims["offered"]) - int(claims["won"])


def _count(parts: Sequence[Mapping[str, Any]], key: str) -> int:
    return sum(len(part[key]) for part in parts)


def _all(samples: Iterable[Sequence[float]]) -> list[float]:
    return [sample for some in samples for sample in some]
