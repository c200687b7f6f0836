"""The usual peer: redis-server with the claim script that everybody writes, every command synced to disk.

`appendonly yes` and `appendfsync always` make what is answered durable; redis-benchmark, in C, is the load:
50 connections with 50 commands under way on each, all with the same script. Amounts are split beforehand,
into a list.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from services.cli.bench.workplace import Workplace, free_port, require_program
from services.cli.console import Refusal
from services.cli.local_mesh.process import ProcessFailed

Reply = int | str | list[str]

CLAIM_SCRIPT = """
local won = redis.call('HGET', KEYS[1], ARGV[1])
if won then return won end
local amount = redis.call('RPOP', KEYS[2])
if not amount then return '0' end
redis.call('HSET', KEYS[1], ARGV[1], amount)
return amount
"""
"""A person who has won is told of the same packet; others get the next one, while there are any."""

_FILL_SCRIPT = """
for i = 1, tonumber(ARGV[1]) do redis.call('RPUSH', KEYS[1], 1 + (i * 37) % 333) end
return redis.call('LLEN', KEYS[1])
"""
_FILL_AT_ONCE = 10_000
_WINNERS, _AMOUNTS = "winners", "amounts"
_CONNECTIONS = 50
PIPELINE = 50
_PEOPLE = 2_000_000_000
"""Claimants are random numbers below this: hardly anyone claims twice, so hardly a claim is cheap."""


@dataclass(frozen=True, slots=True)
class RedisResult:
    """What Redis did."""

    claims_per_s: float
    """Of the best of the runs."""
    p50_ms: float
    p99_ms: float
    wins: int
    claims: int
    """Of all runs together."""
    bytes_per_winner: float
    """Memory that Redis used for the winners, by its own account."""
    syncs_always: bool
    """Whether Redis says that it syncs every write before it answers."""


def require_redis() -> None:
    """Raises `Refusal`, naming Debian's package, when Redis is not installed."""
    for program in ("redis-server", "redis-benchmark"):
        try:
            require_program(program)
        except Refusal as missing:
            raise Refusal(f"{missing.message}; --redis-runs 0 leaves Redis out") from None


async def measure_redis(place: Workplace, claims: int, runs: int) -> RedisResult:
    """Claims so many times in each of a few runs, all against one server."""
    total = claims * runs
    async with redis_server(place) as (client, port):
        for start in range(0, total, _FILL_AT_ONCE):
            await client.ask("EVAL", _FILL_SCRIPT, "1", _AMOUNTS, str(min(_FILL_AT_ONCE, total - start)))
        before = await used_memory(client)
        sha = str(await client.ask("SCRIPT", "LOAD", CLAIM_SCRIPT))
        command = ("EVALSHA", sha, "2", _WINNERS, _AMOUNTS, "__rand_int__")
        rows = [await benchmark(place, port, command, claims, _PEOPLE) for _ in range(runs)]
        best = max(rows, key=lambda row: float(row["rps"]))
        wins, left = await client.ask("HLEN", _WINNERS), await client.ask("LLEN", _AMOUNTS)
        if not isinstance(wins, int) or not isinstance(left, int) or wins + left != total:
            raise ProcessFailed(f"Redis has {wins} winners and {left} packets left of {total}")
        return RedisResult(
            claims_per_s=float(best["rps"]),
            p50_ms=float(best["p50_latency_ms"]),
            p99_ms=float(best["p99_latency_ms"]),
            wins=wins,
            claims=total,
            bytes_per_winner=(await used_memory(client) - before) / max(1, wins),
            syncs_always=await syncs_always(client),
        )


@contextlib.asynccontextmanager
async def redis_server(place: Workplace) -> AsyncIterator[tuple[RedisClient, int]]:
    """A running server with data in the workplace, and a connection to it."""
    folder = place.folder / "redis"
    folder.mkdir()
    port = free_port()
    options = {
        "--port": str(port),
        "--bind": "127.0.0.1",
        "--dir": str(folder),
        "--save": "",
        "--appendonly": "yes",
        "--appendfsync": "always",
    }
    server = place.start("redis", ("redis-server", *(word for pair in options.items() for word in pair)), {})
    await place.until_listening(server, port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield RedisClient(reader, writer), port
    finally:
        writer.close()
        await place.stop(server)


async def benchmark(
    place: Workplace, port: int, command: Sequence[str], count: int, numbers: int
) -> dict[str, str]:
    """One run of redis-benchmark; returns its line of figures by name.

    Each `__rand_int__` in the command becomes a random number below `numbers`.
    """
    shape = ("-c", str(_CONNECTIONS), "-P", str(PIPELINE), "-n", str(count), "-r", str(numbers), "--csv")
    load = place.start("redis-benchmark", ("redis-benchmark", "-p", str(port), *shape, *command), {})
    code = await load.wait()
    place.children.remove(load)
    said = load.spec.log_file.read_text()
    load.spec.log_file.unlink()
    rows = list(csv.DictReader(line for line in said.splitlines() if line.startswith('"')))
    if code or not rows or "rps" not in rows[-1]:
        raise ProcessFailed(f"redis-benchmark exited {code} and said {said[:200]!r}")
    return rows[-1]


async def used_memory(client: RedisClient) -> int:
    """Bytes that Redis uses, by its own account."""
    for line in str(await client.ask("INFO", "memory")).splitlines():
        if line.startswith("used_memory:"):
            return int(line.partition(":")[2])
    return 0


async def syncs_always(client: RedisClient) -> bool:
    """Whether Redis says that it syncs every write before it answers."""
    said = [await client.ask("CONFIG", "GET", name) for name in ("appendonly", "appendfsync")]
    return said == [["appendonly", "yes"], ["appendfsync", "always"]]


class RedisClient:
    """As much of a client as is needed here: one command at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, *words: str) -> Reply:
        """Sends a command and returns its answer. Raises `ProcessFailed` when that is an error."""
        self._writer.write(b"*%d\r\n" % len(words))
        for word in words:
            encoded = word.encode()
            self._writer.write(b"$%d\r\n%s\r\n" % (len(encoded), encoded))
        await self._writer.drain()
        return await self._answer()

    async def _answer(self) -> Reply:
        line = (await self._reader.readline()).decode().rstrip()
        kind, rest = line[:1], line[1:]
        match kind:
            case "+":
                return rest
            case ":":
                return int(rest)
            case "$":
                content = await self._reader.readexactly(int(rest) + 2)
                return content[:-2].decode()
            case "*":
                return [str(await self._answer()) for _ in range(int(rest))]
            case _:
                raise ProcessFailed(f"Redis said {line[:200]!r}")
