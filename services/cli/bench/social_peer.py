"""The peer of `bench social`: Redis with a set of friends for each person, which is how most would do it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from services.cli.bench.redis import redis_server, syncs_always, used_memory
from services.cli.bench.social_graph import Graph, Questions
from services.cli.bench.social_load import Asked, ask_all
from services.cli.bench.workplace import Workplace
from services.cli.local_mesh.process import ProcessFailed

_COMMANDS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class RedisAnswers:
    """What Redis did."""

    lists: Asked
    """SMEMBERS: all friends, in no order."""
    mutual: Asked
    """SINTER."""
    checks: Asked
    """SISMEMBER, as many in a pipeline as the service has pairs in a batch."""
    bytes_per_pair: float
    """Memory by its own account: each pair is in two sets."""
    syncs_always: bool


async def ask_redis(place: Workplace, graph: Graph, questions: Questions, under_way: int) -> RedisAnswers:
    """Loads the graph and asks the same questions, so many under way at once."""
    async with redis_server(place) as (client, port):
        before = await used_memory(client)
        lines = [await _Line.open(port) for _ in range(under_way)]
        await _load(lines[0], graph)
        used = await used_memory(client) - before
        free = list(lines)

        # As many callers as lines: there is always a free one.
        async def list_friends(person: int) -> bool:
            line = free.pop()
            found = await line.length(_command(b"SMEMBERS", _key(person)))
            free.append(line)
            return found == len(graph.friends_of(person))

        async def mutual(two: tuple[int, int]) -> bool:
            line = free.pop()
            found = await line.length(_command(b"SINTER", _key(two[0]), _key(two[1])))
            free.append(line)
            return found == len(graph.mutual(*two))

        pipelines = [
            (
                b"".join(
                    _command(b"SISMEMBER", _key(one), b"%d" % other)
                    for one, other in zip(ones.tolist(), others.tolist(), strict=True)
                ),
                due.tolist(),
            )
            for ones, others, due in questions.batches
        ]

        async def check(batch: tuple[bytes, list[bool]]) -> bool:
            line = free.pop()
            found = await line.flags(batch[0], len(batch[1]))
            free.append(line)
            return found == batch[1]

        answers = RedisAnswers(
            lists=await ask_all(questions.people, list_friends, under_way),
            mutual=await ask_all(questions.twos, mutual, under_way),
            checks=await ask_all(pipelines, check, under_way),
            bytes_per_pair=used / len(graph.lows),
            syncs_always=await syncs_always(client),
        )
        for line in lines:
            line.close()
        return answers


async def _load(line: _Line, graph: Graph) -> None:
    everybody = graph.people.tolist()
    for start in range(0, len(everybody), _COMMANDS_AT_ONCE):
        people = everybody[start : start + _COMMANDS_AT_ONCE]
        commands = [
            _command(b"SADD", _key(person), *(b"%d" % friend for friend in graph.friends_of(person).tolist()))
            for person in people
        ]
        await line.numbers(b"".join(commands), len(commands))


def _key(person: int) -> bytes:
    return b"f:%d" % person


def _command(*words: bytes) -> bytes:
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)])


class _Line:
    """A connection that sends commands and reads as much of their replies as is needed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> _Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 22))

    async def flags(self, commands: bytes, count: int) -> list[bool]:
        """Answers of 0 or 1 to so many commands."""
        self._writer.write(commands)
        replies = await self._reader.readexactly(len(b":0\r\n") * count)
        return [reply == ord("1") for reply in replies[1::4]]

    async def numbers(self, commands: bytes, count: int) -> None:
        """Waits for numbers in answer to so many commands."""
        self._writer.write(commands)
        await self._writer.drain()
        for _ in range(count):
            line = await self._reader.readuntil(b"\r\n")
            if line[:1] != b":":
                raise ProcessFailed(f"Redis said {line[:200]!r}")

    async def length(self, command: bytes) -> int:
        """How long the list of numbers is that answers a command; all of it is read."""
        self._writer.write(command)
        head = await self._reader.readuntil(b"\r\n")
        if head[:1] != b"*":
            raise ProcessFailed(f"Redis said {head[:200]!r}")
        count = int(head[1:])
        # Each number is two lines: how many bytes, and these. No other answer is under way.
        lines = 0
        while lines < 2 * count:
            lines += (await self._reader.read(1 << 16)).count(b"\n")
        return count

    def close(self) -> None:
        self._writer.close()
