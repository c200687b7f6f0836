"""The sets of one shard, each with the luck of its person: what only an operator sees."""

from __future__ import annotations

import numpy as np

from hongbao.cards.v1 import events_pb2 as events
from services.allocation.domain.proofs import Mismatch
from services.cards.domain.sets.luck import LUCK_CLASSES, luck_classes, luck_key
from services.cards.domain.vocabulary import ShareMode
from services.cli.proofs.cards.audit import ShardSums
from services.cli.proofs.cards.statement import Statement
from services.mesh.shards.hashing import shard_of


class SetsAudit:
    """Recomputes the luck of everybody who completed a set on a shard. Keeps their ids meanwhile."""

    def __init__(self, statement: Statement, shard: int) -> None:
        self._shard = shard
        self._shard_count = statement.game.shard_count
        self._is_lucky = statement.share_mode is ShareMode.LUCKY
        self._key = luck_key(statement.game.seed, statement.game.campaign_id)
        self._people: set[int] = set()
        self._by_luck = np.zeros(LUCK_CLASSES + 1, np.int64)

    def add(self, completed: events.SetsCompleted) -> None:
        """Compares sets. Raises `Mismatch` for the first that cannot be, or whose luck is another."""
        for person_id in completed.person_ids:
            if person_id in self._people:
                raise Mismatch(f"a person of shard {self._shard} has two sets")
            if person_id <= 0 or shard_of(person_id, self._shard_count) != self._shard:
                raise Mismatch(f"a set of shard {self._shard} is that of a person of another one")
            self._people.add(person_id)
        said = completed.luck_classes
        right = luck_classes(self._key, completed.person_ids) if self._is_lucky else b""
        if said != right:
            raise Mismatch(_difference(self._shard, said, right))
        self._by_luck += np.bincount(np.frombuffer(said, np.uint8), minlength=LUCK_CLASSES + 1)

    def end(self, sums: ShardSums) -> None:
        """Raises `Mismatch` unless the seal counts what was listed."""
        if len(self._people) != sums.sets_completed:
            listed = len(self._people)
            raise Mismatch(
                f"shard {self._shard} was sealed with {sums.sets_completed} sets, it lists {listed}"
            )
        if self._is_lucky and tuple(self._by_luck[1:].tolist()) != sums.sets_by_luck:
            raise Mismatch(f"shard {self._shard} was sealed with another luck than that of its sets")


def _difference(shard: int, said: bytes, right: bytes) -> str:
    if len(said) != len(right):
        return f"shard {shard} tells the luck of {len(said)} sets, not of {len(right)}"
    place = next(place for place, pair in enumerate(zip(said, right, strict=True)) if pair[0] != pair[1])
    return f"a set of shard {shard} is said to have luck {said[place]}; the seed gives {right[place]}"
