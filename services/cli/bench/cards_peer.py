"""The peer of `bench cards`: redis-server with the script that deals a card as everybody would write it.

Whoever asks again with the same key is told of the same card; a card is drawn by what is left of each kind,
taken out of the stock, and put into a hand. Every command is synced to disk before it is answered.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.cli.bench.redis import benchmark, redis_server, syncs_always, used_memory
from services.cli.bench.workplace import Workplace
from services.cli.local_mesh.process import ProcessFailed

DEAL_SCRIPT = """
local key = ARGV[1] .. ':' .. ARGV[2]
local had = redis.call('HGET', KEYS[1], key)
if had then return had end
local left = redis.call('HMGET', KEYS[2], '1', '2', '3', '4', '5')
local total = 0
for kind = 1, 5 do total = total + tonumber(left[kind]) end
if total == 0 then return '0' end
local ticket, kind = tonumber(ARGV[3]) % total, 1
while ticket >= tonumber(left[kind]) do
  ticket = ticket - tonumber(left[kind])
  kind = kind + 1
end
redis.call('HINCRBY', KEYS[2], tostring(kind), -1)
redis.call('HSET', KEYS[1], key, kind)
redis.call('HINCRBY', 'hand:' .. ARGV[1], tostring(kind), 1)
return tostring(kind)
"""
"""Arguments: the person, what earned the card, a random number for the draw."""

_DEALT, _STOCK = "dealt", "stock"
_KINDS = 5
CARDS_A_HAND = 5


@dataclass(frozen=True, slots=True)
class RedisDeals:
    """What Redis did."""

    dealt_per_s: float
    """Of the best of the runs."""
    bytes_per_holder: float
    """Memory that Redis used for everything that it keeps, by hand of about five cards."""
    syncs_always: bool


async def measure_redis_deals(place: Workplace, deals: int, runs: int) -> RedisDeals:
    """Deals so many cards in each of a few runs, to people who get about five each.

    Raises `ProcessFailed` when Redis has dealt other than what it was asked for.
    """
    total = deals * runs
    async with redis_server(place) as (client, port):
        before = await used_memory(client)
        for kind in range(1, _KINDS + 1):
            await client.ask("HSET", _STOCK, str(kind), str(total))
        sha = str(await client.ask("SCRIPT", "LOAD", DEAL_SCRIPT))
        command = ("EVALSHA", sha, "2", _DEALT, _STOCK, *("__rand_int__",) * 3)
        people = max(1, total // CARDS_A_HAND)
        rows = [await benchmark(place, port, command, deals, people) for _ in range(runs)]
        dealt, keys = await client.ask("HLEN", _DEALT), await client.ask("DBSIZE")
        left = await client.ask("HVALS", _STOCK)
        gone = _KINDS * total - sum(map(int, left)) if isinstance(left, list) else -1
        if not isinstance(dealt, int) or not isinstance(keys, int) or gone != dealt:
            raise ProcessFailed(f"Redis dealt {dealt} cards, and its stock is {gone} smaller")
        return RedisDeals(
            dealt_per_s=max(float(row["rps"]) for row in rows) * dealt / total,
            bytes_per_holder=(await used_memory(client) - before) / max(1, keys - 2),
            syncs_always=await syncs_always(client),
        )
