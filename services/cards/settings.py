"""Every knob of the cards service."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from services.mesh.settings import MeshSettings

_TASKS_BESIDE_PEERS = 4
"""Background tasks of a shard beside the feeds of its peers: the feeds of social and of identity, the keeper
of games and that of merged persons."""


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

    figures_max_age_ms: int = Field(default=500, ge=50, le=60_000)
    """How old figures may be that are told without asking all shards again; also the pause between two looks of
    whoever watches; milliseconds."""
    figures_recent_ms: int = Field(default=600_000, ge=1_000, le=86_400_000)
    """How far back the sets go by which more are expected; milliseconds."""
    figures_watchers_max: int = Field(default=256, ge=1, le=16_384)
    """Most streams of figures at a time."""

    people_known: Literal["identity", "everybody"] = "identity"
    """Who is known: whom identity's feed tells of; or everybody, where people are checked elsewhere: then no
    account ever turns out to be another one's."""
    merged_people_look_ms: int = Field(default=500, ge=10, le=600_000)
    """Time between two looks at what merged persons have to pass on, milliseconds. News of a merge does not
    wait for it."""
    merged_people_per_look_max: int = Field(default=2_048, ge=1, le=65_536)
    """Most persons of one look; the next one goes on with those behind them."""

    @model_validator(mode="after")
    def _peers_fit(self) -> Self:
        # Each shard follows the feed of every other one.
        if self.cards_shards - 1 + _TASKS_BESIDE_PEERS > self.shard_tasks_max:
            raise ValueError("HONGBAO_SHARD_TASKS_MAX must exceed HONGBAO_CARDS_SHARDS")
        return self
