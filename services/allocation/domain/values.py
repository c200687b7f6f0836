"""What campaigns, rounds and stocks are agreed on: values that never change once they are on record."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import NewType, TypeVar

CampaignId = NewType("CampaignId", str)
RoundId = NewType("RoundId", str)
StockId = NewType("StockId", str)
"""Id of a round's stock, and of its hold in settlement: "<campaign_id>.<round_id>"."""
SponsorId = NewType("SponsorId", int)
PersonId = NewType("PersonId", int)
Seed = NewType("Seed", bytes)
"""32 secret bytes that fix all amounts of a round."""

BeaconValue = NewType("BeaconValue", bytes)
"""What a round's public beacon has shown: 16 to 64 bytes that nobody could know before."""

SEED_BYTES = 32
BEACON_BYTES_MIN = 16
BEACON_BYTES_MAX = 64


class DrawRule(enum.IntEnum):
    """By which published rule amounts are drawn. Other amounts for any input need another number."""

    SEED = 1
    """From the committed seed."""
    SEED_AND_BEACON = 2
    """From the committed seed and the value of a public beacon, once that is known."""


class ReleaseCurve(enum.IntEnum):
    """How packets become available over a round's window. Numbers are the contract's."""

    LINEAR = 1
    """In proportion to the time since opening."""
    IMMEDIATE = 2
    """All at opening."""
    FRONT_LOADED = 3
    """Many at first, fewer and fewer later."""
    TABLE = 4
    """As the round's own table says."""


@dataclass(frozen=True, slots=True)
class CampaignTerms:
    """What a campaign was created with."""

    campaign_id: CampaignId
    sponsor_id: SponsorId
    display_name: str
    budget_fen: int
    """What its rounds may cost together."""
    shard_count: int
    """Number of shards, fixed for the campaign's life."""
    winnings_wait_until_ms: int = 0
    """Until when winnings wait for people who are not verified, milliseconds since the Unix epoch; 0 leaves
    that to settlement."""


@dataclass(frozen=True, slots=True)
class Window:
    """When claims are accepted: from the first millisecond up to, but not including, the second."""

    opens_ms: int
    """Milliseconds since the Unix epoch."""
    closes_ms: int
    """Milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Packets:
    """A number of packets, what they cost together, and how large each may be."""

    count: int
    budget_fen: int
    """Sum of all of them."""
    min_fen: int
    max_fen: int

    @property
    def feasible(self) -> bool:
        """Whether there is any way to pay the budget out in such packets."""
        return (
            self.count >= 1
            and 1 <= self.min_fen <= self.max_fen
            and self.count * self.min_fen <= self.budget_fen <= self.count * self.max_fen
        )


@dataclass(frozen=True, slots=True)
class RoundTerms:
    """What a round was created with, the seed apart."""

    campaign_id: CampaignId
    round_id: RoundId
    sponsor_id: SponsorId
    window: Window
    packets: Packets
    release_curve: ReleaseCurve
    shard_count: int
    beacon: str = ""
    """The public source of its beacon, in words; empty when its seed alone fixes the amounts."""

    release_table_ppm: tuple[int, ...] = ()
    """For TABLE: how much is out by the end of each second of the window, in millionths."""

    winnings_wait_until_ms: int = 0
    """The campaign's."""

    @property
    def draw_rule(self) -> DrawRule:
        """How its amounts are drawn."""
        return DrawRule.SEED_AND_BEACON if self.beacon else DrawRule.SEED

    @property
    def stock_id(self) -> StockId:
        """Id of the round's stock."""
        return stock_id_of(self.campaign_id, self.round_id)


@dataclass(frozen=True, slots=True)
class StockTerms:
    """What a shard's part of a stock was prepared with."""

    stock_id: StockId
    campaign_id: CampaignId
    round_id: RoundId
    sponsor_id: SponsorId
    shard: int
    window: Window
    packets: Packets
    """This part's, not the whole stock's."""
    release_curve: ReleaseCurve
    seed: Seed
    draw_rule: DrawRule = DrawRule.SEED
    release_table_ppm: tuple[int, ...] = ()
    """As in `RoundTerms`."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of packets. Won and returned make up the budget."""

    packets_won: int
    won_fen: int
    returned_fen: int

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.packets_won + other.packets_won,
            self.won_fen + other.won_fen,
            self.returned_fen + other.returned_fen,
        )


NOTHING = Totals(0, 0, 0)

TermsT = TypeVar("TermsT", CampaignTerms, RoundTerms, StockTerms)


def stock_id_of(campaign_id: CampaignId, round_id: RoundId) -> StockId:
    """The id of a round's stock. Neither part can contain the dot."""
    return StockId(f"{campaign_id}.{round_id}")


def first_difference(kept: TermsT, asked: TermsT) -> str | None:
    """Name of the first field in which two terms differ; None when they are the same."""
    for field in fields(kept):
        if getattr(kept, field.name) != getattr(asked, field.name):
            return field.name
    return None
