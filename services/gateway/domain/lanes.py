"""Which of the gateway's contract services belong to which lane: gateways of their own can answer each."""

from __future__ import annotations

from collections.abc import Mapping

LANES: Mapping[str, tuple[str, ...]] = {
    "taps": ("TapService", "ProofService"),
    "people": (
        "AccountService",
        "CaseService",
        "CreditService",
        "FriendService",
        "InvitationService",
        "PrivacyService",
        "SessionService",
        "SuggestionService",
        "VerificationService",
    ),
    "sharing": ("GroupService", "EnvelopeService", "CardService"),
    "chat": ("MessageService", "CircleService"),
    "money": ("WalletService", "DisputeService"),
}
"""Contract services of `hongbao.gateway.v1` by lane. Every gateway answers the operator besides."""

_LANE_OF = {service: lane for lane, services in LANES.items() for service in services}


def lane_of(service: str) -> str:
    """The lane of a contract service, by its short name: `TapService`. Raises KeyError."""
    return _LANE_OF[service]
