"""Every knob of the cards service."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from services.cards.domain.flows.limits import LIMIT_MAX, ExchangeLimits
from services.mesh.settings import MeshSettings

_TASKS_BESIDE_PEERS = 6
"""Background tasks of a shard beside the feeds of its peers: the feeds of social and of identity, the keepers
of games, of exchanges, of the supply and of merged persons."""


class CardsSettings(MeshSettings):
    """What the cards service can be told, beside what every service can."""

    service: ClassVar[str] = "cards"

    keeper_poll_ms: int = Field(default=100, ge=1, le=60_000)
    """Longest time between two looks at what games need: to be prepared, sealed, closed; milliseconds."""
    feed_skip_records: int = Field(default=2_000, ge=128, le=1_000_000)
    """Records of a feed without an effect before the position in it is kept all the same. Every kept position
    is a record in turn, which other shards read: this bound keeps them from answering each other for ever."""
    snapshot_every_cards: int = Field(default=2_000_000, ge=1, le=1_000_000_000)
    """Cards dealt by a shard after which a snapshot is made, however few records they came in: so many take
    two to three seconds to fold again."""
    friend_cards_per_record_max: int = Field(default=8_192, ge=2, le=16_384)
    """Most cards for new friends that go into one journal record."""

    figures_max_age_ms: int = Field(default=500, ge=50, le=60_000)
    """How old figures may be that are told without asking all shards again; also the pause between two looks
    of whoever watches; milliseconds."""
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

    hand_origins_max: int = Field(default=20, ge=0, le=1_000)
    """Of how many copies of a card a look at a hand tells where they came from."""
    hand_origins_steps_max: int = Field(default=2_000, ge=0, le=100_000)
    """How many movements of a person are looked at for that; each takes about a microsecond."""

    exchange_lifetime_ms: int = Field(default=24 * 3_600_000, ge=1_000, le=30 * 24 * 3_600_000)
    """How long a gift or an ask waits for its answer, milliseconds; never beyond the game's deadline."""
    gifts_per_day_max: int = Field(default=100, ge=1, le=LIMIT_MAX)
    """Gifts that a person offers in a day of Beijing. This and the next five are for games that name no limit
    of their own."""
    asks_per_day_max: int = Field(default=200, ge=1, le=LIMIT_MAX)
    """Asks that a person makes in a day."""
    waiting_exchanges_max: int = Field(default=200, ge=1, le=LIMIT_MAX)
    """Gifts and asks that a person has begun and that have not ended."""
    received_per_day_max: int = Field(default=200, ge=1, le=LIMIT_MAX)
    """Cards that a person receives in a day, by gifts and by answers."""
    givers_per_day_max: int = Field(default=100, ge=1, le=LIMIT_MAX)
    """Different people from whom a person receives cards in a day."""
    rare_received_max: int = Field(default=20, ge=1, le=LIMIT_MAX)
    """Rare cards that a person receives in the whole game. One is enough for a set."""
    exchanges_under_way_max: int = Field(default=200_000, ge=1, le=10_000_000)
    """Gifts that are being accepted and asks that are being made, beyond which the oldest no longer count for
    limits; some 400 bytes each."""
    exchanges_per_record_max: int = Field(default=2_048, ge=1_024, le=16_384)
    """Most gifts and asks that end, or arrive from another shard, with one journal record. That takes about
    20 µs each, in which the process does nothing else: 40 ms for 2,048."""
    expiry_poll_ms: int = Field(default=1_000, ge=1, le=60_000)
    """Longest time between two looks at which gifts and asks have expired, milliseconds. Nobody can
    accept what has expired, whether it was looked at or not."""

    deck_cards_min: int = Field(default=64, ge=1, le=1_048_576)
    """Cards in a deck that a shard asks for while it deals little, and home has plenty."""
    deck_cards_max: int = Field(default=16_384, ge=1, le=1_048_576)
    """Most cards in a deck. Shuffling 16,384 takes about 3 ms, in which the process does nothing else."""
    supply_ahead_ms: int = Field(default=1_000, ge=10, le=600_000)
    """For so long a deck should last at the latest rate of deals; also how long before the opening the first
    is asked for; milliseconds."""
    supply_idle_ms: int = Field(default=60_000, ge=100, le=86_400_000)
    """A shard that has dealt nothing for so long gives back what it has, milliseconds."""
    supply_report_ms: int = Field(default=1_000, ge=10, le=600_000)
    """How often a shard that has cards asks how home is doing, to give back what others lack, in ms."""
    supply_retry_ms: int = Field(default=100, ge=1, le=60_000)
    """Least time before home is asked again for what it did not have, milliseconds."""
    supply_poll_ms: int = Field(default=500, ge=1, le=60_000)
    """Longest time between two looks at whether a shard has too little or too much, milliseconds."""
    leases_per_look_max: int = Field(default=64, ge=1, le=4_096)
    """Most leases of a game, one after the other, before a shard looks at the rest of its state again."""
    deal_wait_ms: int = Field(default=1_000, ge=0, le=10_000)
    """How long a batch of deals waits for a deck that is under way, milliseconds."""

    @property
    def exchange_limits(self) -> ExchangeLimits:
        """For games that name no limits of their own."""
        return ExchangeLimits(
            gifts_per_day_max=self.gifts_per_day_max,
            asks_per_day_max=self.asks_per_day_max,
            waiting_max=self.waiting_exchanges_max,
            received_per_day_max=self.received_per_day_max,
            givers_per_day_max=self.givers_per_day_max,
            rare_received_max=self.rare_received_max,
        )

    flow_givers_min: int = Field(default=20, ge=2, le=1_000_000)
    """From how many different people somebody received to be a hub, where a report does not say."""
    flow_hubs_max: int = Field(default=2_000, ge=1, le=100_000)
    """Most hubs that a shard tells of, and that a report looks at; those with the fewest givers are left out,
    and counted."""
    flow_people_max: int = Field(default=200_000, ge=1_000, le=10_000_000)
    """Most people beside them, each counted once for each hub."""
    flow_givers_per_hub_max: int = Field(default=10_000, ge=2, le=10_000)
    """With how many of its givers a hub is told; those who gave most come first."""
    flow_receivers_per_hub_max: int = Field(default=64, ge=1, le=4_096)
    """With how many of those it gave on to, likewise."""
    flow_movements_max: int = Field(default=2_048, ge=16, le=65_536)
    """Of a person's movements so many of the newest are looked at. Who has more plays in earnest."""
    flow_report_max_age_ms: int = Field(default=10_000, ge=0, le=3_600_000)
    """How old a report, or what a shard says for one, may be and be told again, milliseconds."""
    flow_reports_max: int = Field(default=8, ge=1, le=1_024)
    """Reports that are kept for their later pages; the oldest goes first."""
    flow_deadline_ms: int = Field(default=15_000, ge=100, le=600_000)
    """What a shard gets to answer for a report, milliseconds: it may have millions of
    exchanges to go through."""

    @model_validator(mode="after")
    def _peers_fit(self) -> Self:
        # Each shard follows the feed of every other one.
        if self.cards_shards - 1 + _TASKS_BESIDE_PEERS > self.shard_tasks_max:
            raise ValueError("HONGBAO_SHARD_TASKS_MAX must exceed HONGBAO_CARDS_SHARDS")
        return self
