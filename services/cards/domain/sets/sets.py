"""The sets of a game on one shard: who completed one, the seal, and how the pool is shared."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from services.cards.domain.events import PoolDecided, Recorded, SetsCompleted, SetUndone, ShardSealed
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.sets.luck import LUCK_CLASSES
from services.cards.domain.vocabulary import CampaignId, PersonId, ShareMode

_NOBODY = 0
"""Stands in the column of persons where a set was undone."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A person's set."""

    campaign_id: CampaignId
    person_id: PersonId
    completed_at_ms: int
    luck_class: int = 0
    """1 to 199 once the pool is shared by luck: before, nobody may know it."""
    share_fen: int = 0
    """What it is worth, once the pool is shared."""


@dataclass(frozen=True, slots=True)
class CreditedSet:
    """A set that another account of a person completed. It counts where that account is, not here."""

    from_person_id: PersonId
    completed_at_ms: int
    luck_class: int
    """0 with equal shares."""


@dataclass(frozen=True, slots=True)
class SpentSet:
    """A set that counts here."""

    completed_at_ms: int
    luck_class: int
    """0 with equal shares."""


class Sets:
    """Completions in columns, in the order of their records. Only the `*_happened` methods change them."""

    __slots__ = (
        "_completed_at_ms",
        "_luck_classes",
        "_person_ids",
        "_rows",
        "_sets_by_luck",
        "credited",
        "decision",
        "sealed",
        "share_mode",
    )

    def __init__(self, share_mode: ShareMode) -> None:
        self.share_mode = share_mode
        self._rows: dict[int, int] = {}
        """Place in the columns by person, of all whose set counts."""
        self._person_ids = array("q")
        self._completed_at_ms = array("q")
        self._luck_classes = bytearray()
        """Empty with equal shares."""
        self._sets_by_luck = [0] * LUCK_CLASSES
        self.credited: dict[int, CreditedSet] = {}
        """Persons who count as having completed, because another account of theirs has."""
        self.sealed: ShardSealed | None = None
        self.decision: PoolDecided | None = None

    @property
    def count(self) -> int:
        """Sets spent by persons of this shard."""
        return len(self._rows)

    @property
    def sets_by_luck(self) -> tuple[int, ...]:
        """Sets of each class from 1 to 199; empty with equal shares."""
        return tuple(self._sets_by_luck) if self.share_mode is ShareMode.LUCKY else ()

    def has_completed(self, person_id: int) -> bool:
        """Whether the person has a set that counts, here or where another account of theirs is."""
        return person_id in self._rows or person_id in self.credited

    def set_of(self, person_id: int) -> SpentSet | None:
        """The set that the person themselves has spent here, if it counts."""
        row = self._rows.get(person_id)
        if row is None:
            return None
        return SpentSet(self._completed_at_ms[row], self._luck_classes[row] if self._luck_classes else 0)

    def completion_of(self, campaign_id: CampaignId, person_id: PersonId) -> Completion | None:
        """The person's set, or that of another account of theirs, if there is one."""
        spent = self.set_of(person_id) or self.credited.get(person_id)
        if spent is None:
            return None
        if self.decision is None:
            return Completion(campaign_id, person_id, spent.completed_at_ms)
        share_fen = self.decision.share_of(spent.luck_class)
        return Completion(campaign_id, person_id, spent.completed_at_ms, spent.luck_class, share_fen)

    def times_of(self, person_ids: Iterable[int]) -> list[int]:
        """When each completed; 0 for those who have not."""
        rows, times, credited = self._rows, self._completed_at_ms, self.credited
        return [
            times[rows[person_id]]
            if person_id in rows
            else credited[person_id].completed_at_ms
            if person_id in credited
            else 0
            for person_id in person_ids
        ]

    def completed_since(self, time_ms: int) -> int:
        """How many sets were completed from a moment on; about, when the clock was set back meanwhile."""
        return min(self.count, len(self._completed_at_ms) - bisect_left(self._completed_at_ms, time_ms))

    def columns(self, campaign_id: CampaignId) -> SetsCompleted:
        """All sets that count."""
        rows = range(len(self._person_ids))
        if len(self._rows) == len(self._person_ids):
            persons, times = self._person_ids, self._completed_at_ms
            return SetsCompleted(campaign_id, persons, times, bytes(self._luck_classes))
        kept = [row for row in rows if self._person_ids[row] != _NOBODY]
        return SetsCompleted(
            campaign_id,
            [self._person_ids[row] for row in kept],
            [self._completed_at_ms[row] for row in kept],
            bytes(self._luck_classes[row] for row in kept) if self._luck_classes else b"",
        )

    def restore(self, completed: SetsCompleted) -> None:
        """Takes over what `columns` gave. Called on fresh sets."""
        self._add(completed.person_ids, completed.completed_at_ms, completed.luck_classes)

    def completion_happened(self, holdings: Holdings, completed: SetsCompleted, recorded: Recorded) -> None:
        """Spends one of each card of each person."""
        assert self.sealed is None, "no set is completed after the seal"
        assert self._rows.keys().isdisjoint(completed.person_ids), "a person completes once"
        assert self.credited.keys().isdisjoint(completed.person_ids), "with one of their accounts"
        people, start = np.array(completed.person_ids, np.int64), 0
        for time_ms, together in groupby(completed.completed_at_ms):
            end = start + sum(1 for _ in together)
            holdings.take_sets(people[start:end], Cause(MovementKind.SPENT, time_ms, recorded.seq))
            start = end
        self._add(completed.person_ids, completed.completed_at_ms, completed.luck_classes)

    def undo_happened(self, holdings: Holdings, undone: SetUndone, recorded: Recorded) -> None:
        """Puts a set back into the hand that it came from."""
        assert self.sealed is None, "no set is undone after the seal"
        row = self._rows.pop(undone.person_id, None)
        assert row is not None, "only a set that counts is undone"
        self._person_ids[row] = _NOBODY
        if self._luck_classes:
            self._sets_by_luck[self._luck_classes[row] - 1] -= 1
        holdings.put_set(undone.person_id, Cause(MovementKind.UNSPENT, recorded.time_ms, recorded.seq))

    def credit_happened(self, person_id: PersonId, credited: CreditedSet) -> None:
        """The set of another account counts for this person, who has none: also after the seal."""
        assert not self.has_completed(person_id), "a person completes once"
        self.credited[person_id] = credited

    def seal_happened(self, seal: ShardSealed) -> None:
        """Fixes the counts."""
        assert self.sealed is None, "a shard is sealed once"
        assert seal.sets_completed == self.count, "the seal counts every set"
        assert seal.sets_by_luck == self.sets_by_luck, "the seal counts every set by its luck"
        self.sealed = seal

    def decision_happened(self, decision: PoolDecided) -> None:
        """Keeps how the pool is shared."""
        assert self.sealed is not None, "the pool is decided after the seal"
        assert self.decision is None, "the pool is decided once"
        assert decision.share_mode is self.share_mode, "the pool is shared as the game was made"
        self.decision = decision

    def _add(self, person_ids: Sequence[int], completed_at_ms: Sequence[int], luck_classes: bytes) -> None:
        first = len(self._person_ids)
        is_lucky = self.share_mode is ShareMode.LUCKY
        assert len(luck_classes) == (len(person_ids) if is_lucky else 0), "each lucky share has a class"
        self._person_ids.extend(person_ids)
        self._completed_at_ms.extend(completed_at_ms)
        self._luck_classes += luck_classes
        self._rows.update(zip(person_ids, range(first, len(self._person_ids)), strict=True))
        assert len(self._rows) <= len(self._person_ids) == len(self._completed_at_ms), "columns are as long"
        for luck_class in luck_classes:
            self._sets_by_luck[luck_class - 1] += 1
