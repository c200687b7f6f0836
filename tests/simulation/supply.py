"""What a simulated card game may issue."""

from __future__ import annotations

import random

from hongbao.cards.v1 import events_pb2 as card_events

COMMON_LIMIT, RARE_LIMITS = 16, (6, 6, 3, 1)
"""Where the only rare card goes to waste, nobody completes a set, and the pool goes back."""
FRIEND_QUOTA, TAP_QUOTA, INVITATION_QUOTAS = 40, 32, (0, 3, 10)
"""Where there is none for invitations, nothing comes of them."""
CURVES = ((), ((0, 300_000), (25_000, 1_000_000)), ((0, 600_000), (10_000, 1_000_000)))
"""How cards are released: at once, or a part of them, and the rest up to a number of milliseconds."""
_RARE = card_events.CARD_DEDICATION


def supply_plan(draw: random.Random) -> card_events.SupplyPlan:
    """A plan that chance has made."""
    rare_limit, for_invitations = draw.choice(RARE_LIMITS), draw.choice(INVITATION_QUOTAS)
    points = [
        card_events.ReleasePoint(offset_ms=offset_ms, released_ppm=released_ppm)
        for offset_ms, released_ppm in draw.choice(CURVES)
    ]
    limits = [
        card_events.CardLimit(card=card, issue_limit=rare_limit if card == _RARE else COMMON_LIMIT)
        for card in map(card_events.Card.ValueType, range(1, 6))
    ]
    quotas = {
        card_events.CARD_SOURCE_FRIEND: FRIEND_QUOTA,
        card_events.CARD_SOURCE_TAP: TAP_QUOTA,
        card_events.CARD_SOURCE_INVITATION: for_invitations,
    }
    return card_events.SupplyPlan(
        card_limits=limits,
        source_quotas=[
            card_events.SourceQuota(source=source, card_quota=quota)
            for source, quota in quotas.items()
            if quota
        ],
        release_curve=card_events.ReleaseCurve(points=points) if points else None,
        expected_deals=draw.choice((0, 30, 300)),
    )
