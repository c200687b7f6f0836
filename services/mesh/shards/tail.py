"""The newest records of an owned shard, kept in memory for those who read its feed live."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from services.mesh.journal.port import Record


class Tail:
    """A bounded run of the newest durable records, so that a live feed does not touch the disk."""

    def __init__(self, records_max: int, bytes_max: int) -> None:
        self._records_max = records_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._records: deque[Record] = deque()

    def extend(self, records: Iterable[Record]) -> None:
        """Adds records that follow on the last one; the oldest make room for them."""
        for record in records:
            self._records.append(record)
            self._bytes += len(record.payload)
        while self._records and (len(self._records) > self._records_max or self._bytes > self._bytes_max):
            self._bytes -= len(self._records.popleft().payload)

    def read(self, after_seq: int, limit: int) -> list[Record] | None:
        """At most `limit` records above `after_seq`; None when the first of them is no longer here."""
        if not self._records or after_seq + 1 < self._records[0].seq:
            return None
        start = after_seq + 1 - self._records[0].seq
        stop = min(start + limit, len(self._records))
        return [self._records[index] for index in range(start, stop)]
