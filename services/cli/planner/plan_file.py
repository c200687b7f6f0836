"""The plan as the card service loads it: a `hongbao.cards.v1.SupplyPlan` as JSON."""

from __future__ import annotations

from google.protobuf.json_format import MessageToJson

from hongbao.cards.v1 import events_pb2 as pb
from services.cli.planner.estimate import Estimate
from services.cli.planner.setting import DAY_S, HOUR_S, Release, Setting, Source

_LAST_HOURS = 2
"""A day's cards are out so many hours before it is over, so that the last ones can still find their set."""
_KINDS_PLENTIFUL = 4


def plan_json(setting: Setting, estimate: Estimate) -> str:
    """The plan with the limit of an estimate."""
    return MessageToJson(supply_plan(setting, estimate), preserving_proto_field_name=True) + "\n"


def supply_plan(setting: Setting, estimate: Estimate) -> pb.SupplyPlan:
    """Limits, quotas and release of a setting with the limit of an estimate.

    There are twice as many of each ordinary card as quotas need: they must never be what is missing, also
    when people come earlier than the release expects them.
    """
    curve = _curve(setting.release)
    ordinary = max(1, -(-2 * setting.quotas.total // _KINDS_PLENTIFUL))
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
    points = [pb.ReleasePoint(offset_ms=0, released_ppm=0)]
    for day, released_ppm in enumerate(release.by_day_ppm, start=1):
        offset_ms = (day * DAY_S - _LAST_HOURS * HOUR_S) * 1_000
        points.append(pb.ReleasePoint(offset_ms=offset_ms, released_ppm=released_ppm))
    return pb.ReleaseCurve(points=points)
