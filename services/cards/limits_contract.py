"""Limits of exchanges, to and from the contract."""

from __future__ import annotations

from dataclasses import asdict, fields

from hongbao.cards.v1 import events_pb2
from services.cards.domain.flows.limits import LEFT_TO_SERVICE, ExchangeLimits


def limits_to_contract(limits: ExchangeLimits) -> events_pb2.ExchangeLimits | None:
    """A game's limits as the contract has them, which calls them the same; None where it says nothing."""
    return None if limits == LEFT_TO_SERVICE else events_pb2.ExchangeLimits(**asdict(limits))


def limits_from_contract(limits: events_pb2.ExchangeLimits) -> ExchangeLimits:
    """The inverse."""
    return ExchangeLimits(*(getattr(limits, field.name) for field in fields(ExchangeLimits)))
