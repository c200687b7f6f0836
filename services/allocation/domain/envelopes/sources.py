"""Packets that were sent on: each at most once."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from services.allocation.domain.envelopes.limits import EnvelopeLimits
from services.allocation.domain.envelopes.order_errors import PacketReissued, ReissueTooDeep, ReissueTooLate
from services.allocation.domain.envelopes.values import EnvelopeId, EnvelopeShare, ParentPacket, Source
from services.allocation.domain.values import PersonId


@dataclass(frozen=True, slots=True)
class SentOn:
    """A packet that was sent on."""

    source: Source
    person_id: PersonId
    """Whose it was."""
    envelope_id: EnvelopeId
    """What it became."""
    until_ms: int
    """How long this has to be remembered, milliseconds since the Unix epoch."""


class Sources:
    """The packets of one shard's people that were sent on."""

    def __init__(self) -> None:
        self._marks: dict[tuple[PersonId, Source], SentOn] = {}
        self._until: list[tuple[int, int, SentOn]] = []
        """Heap of when marks can be forgotten, in the order in which they were made. Marks that were taken
        back stay in it and are passed over."""
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._marks)

    def all(self) -> Iterable[SentOn]:
        """Every mark, in the order in which they were made."""
        return self._marks.values()

    def check(
        self, person_id: PersonId, source: Source, parent: ParentPacket, now_ms: int, limits: EnvelopeLimits
    ) -> None:
        """Raises `PacketReissued`, `ReissueTooLate` or `ReissueTooDeep`."""
        mark = self._marks.get((person_id, source))
        if mark is not None:
            raise PacketReissued(mark.envelope_id)
        until_ms = parent.got_ms + limits.reissue_ms
        if now_ms > until_ms:
            raise ReissueTooLate(until_ms)
        if len(parent.lineage) >= limits.depth_max:
            raise ReissueTooDeep(limits.depth_max)

    def forgettable_ms(self) -> int | None:
        """When the next mark can be forgotten."""
        while self._until and self._marks.get(_key(self._until[0][2])) is not self._until[0][2]:
            heapq.heappop(self._until)
        return self._until[0][0] if self._until else None

    def add(self, mark: SentOn) -> None:
        """Folds a mark in, as made or as restored."""
        key = _key(mark)
        assert key not in self._marks, "a packet is sent on once"
        self._marks[key] = mark
        heapq.heappush(self._until, (mark.until_ms, next(self._order), mark))

    def take_back(self, person_id: PersonId, source: Source, envelope_id: EnvelopeId) -> None:
        """Folds the refusal of the envelope: the packet can be sent on another time."""
        mark = self._marks.get((person_id, source))
        # Settlement may have been silent for so long that the mark is forgotten.
        if mark is not None and mark.envelope_id == envelope_id:
            del self._marks[person_id, source]

    def forget(self, time_ms: int) -> None:
        """Folds that marks are forgotten up to and including this moment."""
        while (until_ms := self.forgettable_ms()) is not None and until_ms <= time_ms:
            mark = heapq.heappop(self._until)[2]
            del self._marks[_key(mark)]


def remembered_until_ms(parent: ParentPacket, limits: EnvelopeLimits) -> int:
    """How long it has to be remembered that a packet was sent on.

    Twice as long as it could be sent on: the clock that decides may be set back by almost that much.
    """
    return parent.got_ms + 2 * limits.reissue_ms


def lineage_of(source: Source, parent: ParentPacket) -> tuple[Source, ...]:
    """The packets that a sent-on packet was made of, the oldest first."""
    return (*parent.lineage, source)


def is_share(source: Source) -> bool:
    """Whether the packet came out of an envelope, which may be anywhere."""
    return isinstance(source, EnvelopeShare)


def _key(mark: SentOn) -> tuple[PersonId, Source]:
    return mark.person_id, mark.source
