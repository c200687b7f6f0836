"""Sessions that were revoked while tokens of theirs are alive, in bounded memory."""

from __future__ import annotations

import heapq


class RevokedSessions:
    """Remembers revoked sessions until their last token ends by itself.

    When there are more than may be remembered, those that end first make room, and all tokens that end no
    later than they do count as expired: nobody whose session was revoked gets through, and everybody else
    refreshes a little early.
    """

    def __init__(self, sessions_max: int) -> None:
        self.ends_ms: dict[int, int] = {}
        """When the last token ends, by session; to be looked at only."""
        self.expired_ms = 0
        """Tokens that end by then are good no more, whatever their session."""
        self._sessions_max = sessions_max
        self._queue: list[tuple[int, int]] = []

    def add(self, session_id: int, ends_ms: int) -> None:
        """Remembers a session; again changes nothing."""
        if session_id in self.ends_ms:
            return
        self.ends_ms[session_id] = ends_ms
        heapq.heappush(self._queue, (ends_ms, session_id))
        if len(self.ends_ms) > self._sessions_max:
            self.expired_ms = max(self.expired_ms, self._forget_first())
        assert len(self.ends_ms) == len(self._queue) <= self._sessions_max, "every session is queued once"

    def forget(self, now_ms: int) -> None:
        """Lets go of those whose tokens have all ended."""
        while self._queue and self._queue[0][0] <= now_ms:
            self._forget_first()

    def _forget_first(self) -> int:
        ends_ms, session_id = heapq.heappop(self._queue)
        del self.ends_ms[session_id]
        return ends_ms
