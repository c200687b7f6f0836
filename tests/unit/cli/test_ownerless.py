from __future__ import annotations

import asyncio

from services.cli.commands.shards import ownerless_shards
from services.mesh.shards.map import ShardOwner, StaticShardMap

OWNER = ShardOwner("cards-0", "127.0.0.1:1", 1)


async def test_shards_that_nobody_takes_are_named() -> None:
    maps = [StaticShardMap("cards", 2, {0: OWNER, 1: OWNER}), StaticShardMap("settlement", 4, {1: OWNER})]
    assert await ownerless_shards(maps, patience_s=0.01) == [
        "settlement shard 0",
        "settlement shard 2",
        "settlement shard 3",
    ]


async def test_a_shard_that_changes_hands_is_waited_for() -> None:
    moving = StaticShardMap("cards", 2, {0: OWNER})
    asking = asyncio.create_task(ownerless_shards([moving], patience_s=30))
    await asyncio.sleep(0)
    moving.assign(1, OWNER)
    assert await asking == []
