"""Every knob of the cards service."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from services.mesh.settings import MeshSettings

_TASKS_BESIDE_PEERS = 2
"""Background tasks of a shard beside the feeds of its peers: the social feed and the keeper of games."""


class CardsSettings(MeshSettings):
    """What the cards service can be told, beside what every service can."""

    service: ClassVar[str] = "cards"

    keeper_poll_ms: int = Field(default=100, ge=1, le=60_000)
    """Longest time between two looks at what games need: to be prepared, sealed, closed; milliseconds."""
    feed_skip_records: int = Field(default=2_000, ge=128, le=1_000_000)
    """Records of a feed without an effect before the position in it is kept all the same. Every kept position
    is a record in turn, which other shards read: this bound keeps them from answering each other for ever."""
    friend_cards_per_record_max: int = Field(default=8_192, ge=2, le=16_384)
    """Most cards for new friends that go into one journal record."""

    @model_validator(mode="after")
    def _peers_fit(self) -> Self:
        # Each shard follows the feed of every other one.
        if self.cards_shards - 1 + _TASKS_BESIDE_PEERS > self.shard_tasks_max:
            raise ValueError("HONGBAO_SHARD_TASKS_MAX must exceed HONGBAO_CARDS_SHARDS")
        return self
