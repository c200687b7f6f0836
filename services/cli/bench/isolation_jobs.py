"""What the processes of `bench isolation` that make load are told, and how they keep time.

Each is a process of its own, as players are elsewhere: started with the name of a file that says what to do,
it writes what it found to a file beside it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import uvloop

from services.mesh.errors import ServiceError
from services.mesh.interceptors.errors import from_wire

CALL_TIMEOUT_S = 3.0
"""What an app waits for an answer: whatever takes longer is late."""
UNDER_WAY_MAX = 8_192
"""Calls of one load that are under way at once; at a gateway that is stuck no more pile up."""
Metadata = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Talker:
    """Somebody who shares and chats."""

    person_id: int
    token: str
    friends: list[int]
    """Places of friends in the list of all talkers."""
    inbox_seq: int = 0
    """Up to where the timeline was read before."""

    @property
    def credentials(self) -> Metadata:
        """Metadata that calls as this person carry."""
        return (("authorization", f"Bearer {self.token}"),)


@dataclass(slots=True)
class Tally:
    """What callers of one kind were told, and after how long."""

    offered: int = 0
    held_back: int = 0
    """Not sent, because too many were under way."""
    accepted_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    """Refusals because there is too much of it, with the delay after which to try again."""
    late: int = 0
    """Neither answered nor refused in time."""
    without_delay: int = 0
    """Refusals that do not say when to try again."""
    others: Counter[str] = field(default_factory=Counter)
    """Any other reason."""

    def note(self, took_s: float, failure: ServiceError | None) -> None:
        """Counts an answer."""
        if failure is None:
            self.accepted_ms.append(took_s * 1000)
        elif failure.kind.value == "RESOURCE_EXHAUSTED":
            self.refused_ms.append(took_s * 1000)
            self.without_delay += failure.retry_delay_ms is None
        elif failure.kind.value == "DEADLINE_EXCEEDED":
            self.late += 1
        else:
            self.others[failure.reason] += 1

    def content(self) -> dict[str, Any]:
        """As it is written to a file."""
        return {
            "offered": self.offered,
            "held_back": self.held_back,
            "accepted_ms": self.accepted_ms,
            "refused_ms": self.refused_ms,
            "late": self.late,
            "without_delay": self.without_delay,
            "others": dict(self.others),
        }


async def told(call: Awaitable[Any]) -> tuple[Any, ServiceError | None]:
    """The answer of a call, or the typed error that it ended with."""
    try:
        return await call, None
    except grpc.aio.AioRpcError as failure:
        return None, from_wire(failure)


async def steadily(
    start_at_s: float,
    seconds: float,
    per_s: float,
    act: Callable[[float], Coroutine[Any, Any, None]],
    tally: Tally,
) -> None:
    """Begins `act` at fixed times, whether those before have ended or not, and waits for all of them.

    `act` gets the moment at which it was to begin, by `time.time`: what begins late counts as late.
    """
    under_way: set[asyncio.Task[None]] = set()
    for number in range(int(seconds * per_s)):
        due_s = start_at_s + number / per_s
        pause_s = due_s - time.time()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        tally.offered += 1
        if len(under_way) >= UNDER_WAY_MAX:
            tally.held_back += 1
            continue
        task = asyncio.create_task(act(due_s))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


def lines(address: str, count: int) -> list[grpc.aio.Channel]:
    """Connections to one address, as of so many apps."""
    return [
        grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(count)
    ]


def work(main: Callable[[Mapping[str, Any]], Coroutine[Any, Any, Mapping[str, Any]]]) -> None:
    """Does what the file named on the command line says, and writes beside it what came of it."""
    job = Path(sys.argv[1])
    found = uvloop.run(main(json.loads(job.read_text())))
    draft = job.with_suffix(".draft")
    draft.write_text(json.dumps(found))
    draft.replace(result_of(job))


def result_of(job: Path) -> Path:
    """Where the result of a job is written."""
    return job.with_suffix(".found.json")


def talkers_of(job: Mapping[str, Any]) -> Sequence[Talker]:
    """The people of a job."""
    return [Talker(**talker) for talker in job["talkers"]]
