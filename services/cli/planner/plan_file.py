"""The plan as the card service loads it: a `hongbao.cards.v1.SupplyPlan` as JSON."""

from __future__ import annotations

from google.protobuf.json_format import MessageToJson

from hongbao.cards.v1 import events_pb2 as pb
from services.cli.planner.estimate import Estimate
from services.cli.planner.setting import DAY_S, HOUR_S, Release, Setting, Source

_LAST_HOURS = 2
"""The last card is out so many hours before the deadline, so that it can still find its set."""
_AT_ONCE_PPM = 10_000
"""Of every card, so much is out when the game opens, in parts per million."""
_ISSUE_LIMIT_MAX = 10_000_000_000
"""The contract's bound."""


def plan_json(setting: Setting, estimate: Estimate) -> str:
    """The plan with the limit of an estimate."""
    return MessageToJson(supply_plan(setting, estimate), preserving_proto_field_name=True) + "\n"


def supply_plan(setting: Setting, estimate: Estimate) -> pb.SupplyPlan:
    """Limits, quotas and release of a setting with the limit of an estimate.

    Of each ordinary card there are as many as all quotas together may deal, four times what is needed: they
    must never be what is missing, also in hours in which more people come than the release expects.
    """
    curve = _curve(setting.release)
    ordinary = min(setting.quotas.total, _ISSUE_LIMIT_MAX)
    limits = dict.fromkeys(
        (pb.CARD_PATRIOTISM, pb.CARD_PROSPERITY, pb.CARD_HARMONY, pb.CARD_FRIENDLINESS), ordinary
    )
    limits[pb.CARD_DEDICATION] = estimate.rare_limit
    return pb.SupplyPlan(
        card_limits=[pb.CardLimit(card=card, issue_limit=limit) for card, limit in limits.items()],
        source_quotas=[
            pb.SourceQuota(source=pb.CardSource.Value(f"CARD_SOURCE_{source.name}"), card_quota=quota)
            for source in Source
            if (quota := setting.quotas.of(source))
        ],
        release_curve=curve,
        expected_deals=max(1, estimate.cards_dealt.mean),
        rare_until_offset_ms=curve.points[-1].offset_ms,
    )


def _curve(release: Release) -> pb.ReleaseCurve:
    """Corners of the release: days are a little shorter than they are, so that the last one ends early."""
    parts = (0, *release.by_day_ppm)
    days = len(parts) - 1
    end_ms = (days * DAY_S - _LAST_HOURS * HOUR_S) * 1_000
    corners = [day for day in range(days + 1) if day in {0, days} or not _is_straight(parts, day)]
    return pb.ReleaseCurve(
        points=[
            # Who comes in the first minutes finds something, too: also in a small game.
            pb.ReleasePoint(offset_ms=end_ms * day // days, released_ppm=max(parts[day], _AT_ONCE_PPM))
            for day in corners
        ]
    )


def _is_straight(parts: tuple[int, ...], day: int) -> bool:
    """Whether the release goes on after a day as before it; parts are rounded to one in a million."""
    return abs(parts[day + 1] - 2 * parts[day] + parts[day - 1]) <= 1
