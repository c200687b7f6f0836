"""Limits that hold one kind of call off the room of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.gateway.domain.errors import Overloaded


class Bulkhead:
    """Counts calls of one kind that are under way; refuses, at once, those over the limit."""

    def __init__(self, name: str, limit: int, retry_delay_ms: int) -> None:
        self.name = name
        self.occupied = 0
        """Calls under way."""
        self._limit = limit
        self._retry_delay_ms = retry_delay_ms

    def enter(self) -> None:
        """Takes a place, to be given back with `leave`; raises `Overloaded` when there is none."""
        if self.occupied >= self._limit:
            raise Overloaded(
                f"too many {self.name} calls are under way",
                retry_delay_ms=self._retry_delay_ms,
                bulkhead=self.name,
                limit=self._limit,
            )
        self.occupied += 1

    def leave(self) -> None:
        """Gives a place back."""
        self.occupied -= 1
        assert self.occupied >= 0, "more calls left than entered"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Holds a place for a block. Raises `Overloaded`."""
        self.enter()
        try:
            yield
        finally:
            self.leave()
