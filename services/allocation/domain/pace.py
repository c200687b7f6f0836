"""How fast claims use a part's packets up, and so how many of them others can have."""

from __future__ import annotations

from collections import deque

from services.allocation.domain.stock import Stock, StockPhase


class Pace:
    """Watches one part. Not on record: a new owner watches anew."""

    def __init__(self, window_ms: int) -> None:
        """`window_ms` is how far back it looks, milliseconds."""
        self._window_ms = window_ms
        self._seen: deque[tuple[int, int]] = deque()
        """When, and how many packets were won by then: one look before the window, and those within."""

    def note(self, stock: Stock, now_ms: int) -> None:
        """Looks at the part. To be called a few times in every window."""
        if self._seen and self._seen[-1][0] > now_ms:
            self._seen.clear()  # The clock was set back.
        self._seen.append((now_ms, stock.totals.packets_won))
        while len(self._seen) > 1 and self._seen[1][0] <= now_ms - self._window_ms:
            self._seen.popleft()

    def used(self, stock: Stock, now_ms: int) -> int | None:
        """How many packets were won within the window; None before a whole window was watched."""
        if not self._seen or self._seen[0][0] > now_ms - self._window_ms:
            return None
        return stock.totals.packets_won - self._seen[0][1]

    def spare(self, stock: Stock, now_ms: int) -> int:
        """How many packets others can have: released, and more than are used up here in a window."""
        used = self.used(stock, now_ms)
        if used is None or stock.phase(now_ms) is not StockPhase.OPEN:
            return 0
        return max(0, stock.available(now_ms) - used)
