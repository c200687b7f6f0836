"""What records of cards tell, as far as the rules go by it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hongbao.cards.v1 import events_pb2
from hongbao.gateway.v1 import gateway_pb2


@dataclass(slots=True)
class ShardCards:
    """One shard's part of the game."""

    limits: Counter[int]
    quotas: Counter[int]
    deadline_ms: int
    gifts_per_day_max: int
    deals_per_day_max: int
    is_lucky: bool
    issued: Counter[int] = field(default_factory=Counter)
    by_source: Counter[int] = field(default_factory=Counter)
    completed: set[int] = field(default_factory=set)
    luck: dict[int, int] = field(default_factory=dict)
    """How lucky everybody was who completed a set, with lucky shares."""
    waiting: Counter[int] = field(default_factory=Counter)
    """Gifts that nobody has answered yet, by their givers."""
    is_sealed: bool = False
    decision: Any = None


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One gift or ask, as a record tells of it."""

    is_gift: bool
    giver_id: int
    receiver_id: int
    card: int
    request_id: str
    to_shard: int

    @property
    def key(self) -> tuple[int, int, str]:
        """Giver, initiator and request: what names it."""
        return self.giver_id, self.giver_id if self.is_gift else self.receiver_id, self.request_id


def day_of(moment: Any) -> int:
    """The day of Beijing, which is 8 hours ahead of UTC."""
    return int(moment.ToMilliseconds() + 8 * 3_600_000) // 86_400_000


def state_told(state: int) -> int:
    """The state as people are told of it."""
    name = events_pb2.ExchangeState.Name(events_pb2.ExchangeState.ValueType(state))
    return gateway_pb2.CardExchangeState.Value(f"CARD_{name}")


def rows_of(columns: Any, kinds: Sequence[int], shards: Sequence[int]) -> list[Exchanged]:
    rows = zip(
        kinds, columns.giver_person_ids, columns.receiver_person_ids, columns.cards, shards, strict=True
    )
    return [
        Exchanged(
            is_gift=kind == events_pb2.EXCHANGE_KIND_GIFT,
            giver_id=giver_id,
            receiver_id=receiver_id,
            card=card,
            request_id=str(uuid.UUID(bytes=columns.request_ids[16 * index : 16 * index + 16])),
            to_shard=shard,
        )
        for index, (kind, giver_id, receiver_id, card, shard) in enumerate(rows)
    ]
