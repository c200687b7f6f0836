"""What all lanes of the gateway stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.tokens import TokenVerifier
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.inboxes import Inboxes
from services.gateway.domain.pace import LanePace
from services.gateway.domain.person_limits import PersonLimits
from services.gateway.settings import GatewaySettings
from services.mesh.admission import rate_of
from services.mesh.clock import Clock


@dataclass(frozen=True, slots=True)
class Bulkheads:
    """One for each kind of call."""

    taps: Bulkhead
    share: Bulkhead
    social: Bulkhead
    chat: Bulkhead
    inboxes: Bulkhead
    """Streams of messages: they last, and take no room from calls."""
    money: Bulkhead
    others: Bulkhead

    @classmethod
    def by(cls, settings: GatewaySettings, now_s: Callable[[], float]) -> Self:
        """As large, and as fast, as the settings say."""
        limits = {
            "taps": (settings.gateway_taps_max, 0),
            "share": (settings.gateway_share_calls_max, settings.gateway_share_calls_per_s),
            "social": (settings.gateway_social_calls_max, settings.gateway_social_calls_per_s),
            "chat": (settings.gateway_chat_calls_max, settings.gateway_chat_calls_per_s),
            "inboxes": (settings.gateway_inboxes_max, 0),
            "money": (settings.gateway_money_calls_max, settings.gateway_money_calls_per_s),
            "others": (settings.gateway_other_calls_max, settings.gateway_other_calls_per_s),
        }
        delay_ms, delay_ms_max = settings.gateway_retry_delay_ms, settings.gateway_retry_delay_ms_max
        rates = {
            name: rate_of(per_s, settings.gateway_burst_ms, delay_ms_max, now_s)
            for name, (_, per_s) in limits.items()
        }
        return cls(
            **{
                name: Bulkhead(name, calls_max, delay_ms, rates[name])
                for name, (calls_max, _) in limits.items()
            }
        )


def person_limits(
    settings: GatewaySettings, bulkheads: Bulkheads, now_s: Callable[[], float]
) -> PersonLimits:
    """What the settings say that one person may do."""
    people_max = settings.gateway_paced_people_max
    return PersonLimits(
        chat=LanePace(
            "chat",
            settings.gateway_person_chat_calls_per_s,
            settings.gateway_person_chat_calls_at_once,
            people_max=people_max,
            now_s=now_s,
        ),
        sharing=LanePace(
            "sharing",
            settings.gateway_person_share_calls_per_s,
            settings.gateway_person_share_calls_at_once,
            people_max=people_max,
            now_s=now_s,
        ),
        inboxes=Inboxes(bulkheads.inboxes, settings.gateway_person_inboxes_max),
    )


@dataclass(frozen=True, slots=True)
class Grounds:
    """Made once for the process; lanes are built on it."""

    settings: GatewaySettings
    tokens: TokenVerifier
    forwarding: Forwarding
    bulkheads: Bulkheads
    person: PersonLimits
    clock: Clock
