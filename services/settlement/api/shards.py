"""Finding the shard that a request is for."""

from __future__ import annotations

from dataclasses import dataclass

from services.mesh.shards.hashing import shard_of
from services.mesh.shards.host import Shard, ShardHost
from services.settlement.domain.errors import ShardUnknown
from services.settlement.domain.state import SettlementState

OwnedShard = Shard[SettlementState]


@dataclass(frozen=True, slots=True)
class OwnedShards:
    """The shards that this instance owns. Each method raises `ShardNotOwned` for one that it does not."""

    host: ShardHost[SettlementState]

    @property
    def count(self) -> int:
        """How many shards there are, wherever they are owned."""
        return self.host.shard_count

    def of_id(self, key: int) -> OwnedShard:
        """The shard of a person, a sponsor or an envelope."""
        return self.host.owned(shard_of(key, self.count))

    def numbered(self, number: int) -> OwnedShard:
        """The shard with this number. Raises `ShardUnknown` when there are not so many."""
        if number >= self.count:
            raise ShardUnknown(
                f"there are {self.count} shards, and none is called {number}",
                shard=number,
                shard_count=self.count,
            )
        return self.host.owned(number)
