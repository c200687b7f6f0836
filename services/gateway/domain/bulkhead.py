"""Limits that hold one kind of call off the room of another."""

from __future__ import annotations

from services.gateway.domain.errors import Overloaded
from services.mesh.admission import Admission
from services.mesh.errors import ServiceError


class Bulkhead(Admission):
    """Counts calls of one kind, of those who are known; refuses, at once, those over the limit.

    `enter` raises `Overloaded`.
    """

    def crowded(self, calls_max: int, retry_delay_ms: int) -> ServiceError:
        """See `Admission.crowded`."""
        return Overloaded(
            f"too many {self.name} calls are under way",
            retry_delay_ms=retry_delay_ms,
            bulkhead=self.name,
            limit=calls_max,
        )

    def too_fast(self, calls_per_s: int, retry_delay_ms: int) -> ServiceError:
        """See `Admission.too_fast`."""
        return Overloaded(
            f"more than {calls_per_s} {self.name} calls a second",
            retry_delay_ms=retry_delay_ms,
            bulkhead=self.name,
            limit=f"{calls_per_s}/s",
        )
