"""Cards between two shards: those that went to others, and those that came from there."""

from __future__ import annotations

from services.cards.domain.vocabulary import CARDS


class Transit:
    """Counts of one game on one shard, by card. Over all shards, sent less received is in transit."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.sent = [0] * len(CARDS)
        self.received = [0] * len(CARDS)
