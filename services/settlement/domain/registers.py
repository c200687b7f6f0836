"""What a shard remembers beside balances: holds, completed sets, and divided pools."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.settlement.domain.leftovers import Leftovers
from services.settlement.domain.pool import PoolDivision
from services.settlement.domain.wallet_holds import WalletHolds


class HoldPurpose(enum.IntEnum):
    """What money is held for. The numbers are those of the contract."""

    ROUND = 1
    POOL = 2


@dataclass(frozen=True, slots=True)
class HoldPart:
    """What one shard of the holding service may spend."""

    part: int
    """The allocation shard for a round, 0 for a pool."""
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A sponsor's money, set aside before anything is promised against it."""

    hold_id: str
    campaign_id: str
    sponsor_id: int
    purpose: HoldPurpose
    parts: tuple[HoldPart, ...]
    """Ascending by number."""
    winnings_wait_until_ms: int = 0
    """Until when winnings wait for people who are not verified, in milliseconds since the Unix epoch; 0: for
    as long as the setting says."""
    from_budget: bool = False
    """Whether the money comes from the sponsor's budget for the campaign."""

    @property
    def amount_fen(self) -> int:
        """Sum of the parts, fen."""
        return sum(part.amount_fen for part in self.parts)


@dataclass(slots=True)
class Completers:
    """The persons of one cards shard who will share in a campaign's pool."""

    person_ids: list[int] = field(default_factory=list)
    """In the order of their sets."""
    known: set[int] = field(default_factory=set)
    """The same persons: each completes at most once."""
    paid_count: int = 0
    """How many of them have been paid, from the front."""
    decided: bool = False
    """Whether payment has begun, so that no set may follow."""
    luck_classes: bytearray = field(default_factory=bytearray)
    """Beside `person_ids`, from 1 to 199; empty with equal shares."""

    def add(self, person_ids: Sequence[int], luck_classes: bytes) -> None:
        """Takes in the sets of persons who had none."""
        self.person_ids.extend(person_ids)
        self.known.update(person_ids)
        self.luck_classes += luck_classes
        assert len(self.known) == len(self.person_ids), "each person completes once"
        assert len(self.luck_classes) in {0, len(self.person_ids)}, "all sets have their luck, or none"

    def take_back(self, person_id: int) -> None:
        """Forgets a set, before any is paid."""
        assert not self.decided, "no set is taken back once the pool is decided"
        index = self.person_ids.index(person_id)
        del self.person_ids[index]
        self.known.remove(person_id)
        if self.luck_classes:
            del self.luck_classes[index]


@dataclass(frozen=True, slots=True)
class DividedPool:
    """A campaign's pool after its division, which happens once."""

    campaign_id: str
    sponsor_id: int
    division: PoolDivision


@dataclass(slots=True)
class Registers:
    """All registers of one shard."""

    holds: dict[str, Hold] = field(default_factory=dict)
    """By hold id, on the shard of the sponsor."""
    returned_fen: dict[str, int] = field(default_factory=dict)
    """What has come back to the sponsor, fen, by hold id."""
    completers: dict[tuple[str, int], Completers] = field(default_factory=dict)
    """By campaign and cards shard."""
    pools: dict[str, DividedPool] = field(default_factory=dict)
    """By campaign, on the campaign's home shard."""
    leftovers: dict[str, Leftovers] = field(default_factory=dict)
    """By the account of an escrow that is open, for those that took part."""
    wallet_holds: WalletHolds = field(default_factory=WalletHolds)
    """Envelopes, on the shard of their sender."""
