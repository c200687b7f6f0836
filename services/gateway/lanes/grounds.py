"""What all lanes of the gateway stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.tokens import TokenVerifier
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True)
class Bulkheads:
    """One for each kind of call."""

    taps: Bulkhead
    share: Bulkhead
    social: Bulkhead
    chat: Bulkhead
    money: Bulkhead
    others: Bulkhead

    @classmethod
    def by(cls, settings: GatewaySettings) -> Self:
        """As large as the settings say."""
        limits = {
            "taps": settings.gateway_taps_max,
            "share": settings.gateway_share_calls_max,
            "social": settings.gateway_social_calls_max,
            "chat": settings.gateway_chat_calls_max,
            "money": settings.gateway_money_calls_max,
            "others": settings.gateway_other_calls_max,
        }
        delay_ms = settings.gateway_retry_delay_ms
        return cls(**{name: Bulkhead(name, limit, delay_ms) for name, limit in limits.items()})


@dataclass(frozen=True, slots=True)
class Grounds:
    """Made once for the process; lanes are built on it."""

    settings: GatewaySettings
    tokens: TokenVerifier
    forwarding: Forwarding
    bulkheads: Bulkheads
