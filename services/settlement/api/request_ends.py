"""How far ahead a request may say that it ends: what it leaves has to be remembered for as long."""

from __future__ import annotations

from services.settlement.domain.errors import RequestEndsTooFar
from services.settlement.settings import SettlementSettings


def check_end(ends_ms: int, now_ms: int, settings: SettlementSettings) -> None:
    """Raises `RequestEndsTooFar` when a request may be carried out for longer than ids are remembered.

    Args:
        ends_ms: until when it may be carried out, milliseconds since the Unix epoch.
        now_ms: wall time.
        settings: say how long that is.
    """
    ends_ms_max = now_ms + settings.transfer_ahead_ms_max
    if ends_ms > ends_ms_max:
        raise RequestEndsTooFar(
            "the request may be carried out for longer than its ids are remembered",
            request_ends_at_ms=ends_ms,
            ends_at_ms_max=ends_ms_max,
        )
