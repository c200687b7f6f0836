"""Streams of messages: so many for everybody together, and so many for one person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.errors import InboxLimitReached
from services.mesh.admission import LIVING


class Inboxes:
    """Counts the streams that are open, and whose they are."""

    occupied = 0
    """Those under way are counted together, as `inboxes`."""

    def __init__(self, streams: Bulkhead, per_person_max: int) -> None:
        self.name = "inboxes_person"
        self.refused = 0
        """Streams that were not opened because their person had enough, ever."""
        LIVING.add(self)
        self._streams = streams
        self._per_person_max = per_person_max
        # As many people as have streams open: the bulkhead bounds them.
        self._open = Counter[int]()

    @contextmanager
    def entered(self, person_id: int) -> Iterator[None]:
        """Holds a place for a block. Raises `InboxLimitReached`, and `Overloaded` as the bulkhead does."""
        if self._open[person_id] >= self._per_person_max:
            self.refused += 1
            raise InboxLimitReached(
                f"{self._per_person_max} streams of one person are open", inboxes_max=self._per_person_max
            )
        with self._streams.entered():
            self._open[person_id] += 1
            try:
                yield
            finally:
                self._open[person_id] -= 1
                if not self._open[person_id]:
                    del self._open[person_id]
