"""What is counted about each method. Children of labelled metrics are looked up once, not for every call."""

from __future__ import annotations

from prometheus_client import Counter

from services.mesh.metrics import RPC_SECONDS, RPCS_HANDLED, RPCS_IN_FLIGHT


class MethodMetrics:
    """Counters of one method of one service."""

    __slots__ = ("_by_code", "_in_flight", "_method", "_seconds", "_service")

    def __init__(self, service: str, method: str) -> None:
        self._service, self._method = service, method
        self._seconds = RPC_SECONDS.labels(service, method)
        self._in_flight = RPCS_IN_FLIGHT.labels(service, method)
        self._by_code: dict[str, Counter] = {}

    def began(self) -> None:
        """Counts a call in."""
        self._in_flight.inc()

    def ended(self, code: str, seconds: float) -> None:
        """Counts a call out, by its gRPC code."""
        self._in_flight.dec()
        self._seconds.observe(seconds)
        counter = self._by_code.get(code)
        if counter is None:
            counter = self._by_code[code] = RPCS_HANDLED.labels(self._service, self._method, code)
        counter.inc()
