"""Finding the shard that a call is about."""

from __future__ import annotations

from services.allocation.domain.errors import ShardUnknown
from services.allocation.domain.state import AllocationState
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.mesh.shards.host import Shard, ShardHost

AllocationHost = ShardHost[AllocationState]
AllocationShard = Shard[AllocationState]


def held_shard(host: AllocationHost, number: int) -> AllocationShard:
    """The shard with this number. Raises `ShardUnknown`, `ShardNotOwned`."""
    if not 0 <= number < host.shard_count:
        raise ShardUnknown(number, host.shard_count)
    return host.owned(number)


def home_shard(host: AllocationHost, campaign_id: str) -> AllocationShard:
    """The home shard of a campaign. Raises `ShardNotOwned`."""
    return host.owned(shard_of_text(campaign_id, host.shard_count))


def shard_of_person(host: AllocationHost, person_id: int) -> AllocationShard:
    """The shard where a person claims. Raises `ShardNotOwned`."""
    return host.owned(shard_of(person_id, host.shard_count))
