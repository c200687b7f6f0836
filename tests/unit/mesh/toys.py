"""A toy service for tests of hosts and feeds: its events are words, its state remembers all of them."""

from __future__ import annotations

import json
from collections.abc import Callable

from google.protobuf.wrappers_pb2 import StringValue

from services.mesh.clock import Clock, ManualClock
from services.mesh.journal.port import JournalStore
from services.mesh.settings import MeshSettings
from services.mesh.shards.host import Shard, ShardHost

SERVICE = "toys"


class Words:
    """Every word with its position and time, and the length of all of them together."""

    def __init__(self) -> None:
        self.words: list[tuple[int, int, str]] = []
        self.length = 0

    def apply(self, seq: int, time_ms: int, event: StringValue) -> None:
        if event.value == "poison":
            raise RuntimeError("this word cannot be applied")
        self.words.append((seq, time_ms, event.value))
        self.length += len(event.value)

    def snapshot(self) -> bytes:
        return json.dumps([self.words, self.length]).encode()

    def restore(self, state: bytes) -> None:
        words, self.length = json.loads(state)
        self.words = [(seq, time_ms, word) for seq, time_ms, word in words]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and (self.words, self.length) == (other.words, other.length)

    __hash__ = None  # type: ignore[assignment]  # it changes, so it has none


def word(value: str) -> StringValue:
    return StringValue(value=value)


def toy_settings(**knobs: int) -> MeshSettings:
    return MeshSettings.model_validate(
        {"backoff_ms_min": 1, "backoff_ms_max": 4, "feed_poll_ms": 50, **knobs}
    )


def toy_host(
    store: JournalStore,
    settings: MeshSettings | None = None,
    clock: Clock | None = None,
    *,
    failed: Callable[[int, Exception], None] | None = None,
) -> ShardHost[Words]:
    return ShardHost(
        store,
        SERVICE,
        4,
        StringValue,
        lambda _: Words(),
        clock or ManualClock(),
        settings or toy_settings(),
        on_failed=failed,
    )


async def say(shard: Shard[Words], *values: str) -> None:
    """Commits words and waits until they are durable."""
    for value in values:
        shard.commit(word(value))
    await shard.settled()


def said(state: Words) -> list[str]:
    return [value for _, _, value in state.words]
