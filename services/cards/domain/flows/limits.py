"""How much people may give, ask for and receive: bounds of a game against buying cards up."""

from __future__ import annotations

from dataclasses import dataclass, fields

LIMIT_MAX = 1_000_000
"""Highest value of each limit."""


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """Bounds for each person. Days are those of Beijing. 0 where a game leaves it to the service."""

    gifts_per_day_max: int = 0
    """Gifts that a person offers in a day."""
    asks_per_day_max: int = 0
    """Asks that a person makes in a day."""
    waiting_max: int = 0
    """Gifts and asks that a person has begun and that have not ended."""
    received_per_day_max: int = 0
    """Cards that a person receives in a day, by gifts and by answers."""
    givers_per_day_max: int = 0
    """Different people from whom a person receives cards in a day."""
    rare_received_max: int = 0
    """Rare cards that a person receives in the whole game."""

    def __post_init__(self) -> None:
        for field in fields(self):
            assert 0 <= getattr(self, field.name) <= LIMIT_MAX, "a limit is within bounds"

    def or_else(self, defaults: ExchangeLimits) -> ExchangeLimits:
        """These limits, and those of the service where the game has none."""
        names = [field.name for field in fields(self)]
        return ExchangeLimits(*(getattr(self, name) or getattr(defaults, name) for name in names))


LEFT_TO_SERVICE = ExchangeLimits()
"""A game that says nothing."""
WIDEST = ExchangeLimits(*(LIMIT_MAX for _ in fields(ExchangeLimits)))
"""As much as any game may allow."""
