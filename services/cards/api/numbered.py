"""Shards that a request names by number."""

from __future__ import annotations

from services.cards.domain.errors import ShardUnknown
from services.cards.domain.ports import OwnedShard, OwnedShards


def numbered_shard(shards: OwnedShards, shard: int) -> OwnedShard:
    """A shard by number. Raises `ShardUnknown`, `ShardNotOwned`."""
    check_shard(shards, shard)
    return shards.owned(shard)


def check_shard(shards: OwnedShards, shard: int) -> None:
    """Raises `ShardUnknown` for a number that no shard has."""
    if shard >= shards.shard_count:
        raise ShardUnknown(shard, shards.shard_count)
