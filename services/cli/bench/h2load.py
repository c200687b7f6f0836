"""Many people tapping at once, played by h2load: each run is one person with a token and a connection.

h2load sends the same headers with every request of a run, so one run can only be one person. People take
turns: a fixed number of them tap at any time, and whoever has sent a fixed number of taps makes room for the
next. What comes of it is read from h2load's log, one line for each request: only the time counts in which all
places are taken.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.cli.console import Refusal

PEOPLE_AT_ONCE = 16
STREAMS = 10
"""Taps that each of them has under way."""
TAPS_EACH = 300
"""Taps of one person, before the next one takes the place."""
PERSON_TIMEOUT_S = 120.0
SETTLE_S = 0.5
"""Left out at the beginning: connections are made, tokens are seen for the first time."""
_OK = 200


@dataclass(frozen=True, slots=True)
class Tapper:
    """A person who taps."""

    token: str
    body: Path
    """The request as gRPC frames it."""
    taps: int
    """Touches that each request reports."""


@dataclass(slots=True)
class Slice:
    """What a crowd did in one stretch of time."""

    people: int = 0
    requests: int = 0
    answered: int = 0
    """Requests that ended with HTTP 200; gRPC errors are among them."""
    seconds: float = 0.0
    """Time in which all places were taken."""
    counted: int = 0
    """Answers in that time."""
    interactions: int = 0
    """Touches that the answered requests reported."""

    @property
    def rpc_per_s(self) -> float:
        """Answers a second."""
        return self.counted / self.seconds if self.seconds else 0.0


@dataclass(slots=True)
class _Crowd:
    url: str
    folder: Path
    ends_s: float
    slice: Slice = field(default_factory=Slice)
    answered_us: list[npt.NDArray[np.int64]] = field(default_factory=list)
    """When answers came, microseconds since the Unix epoch, by person."""


async def tap_for(seconds: float, url: str, people: Iterator[Tapper], folder: Path) -> Slice:
    """Lets people tap for that long. Raises `Refusal` when h2load is missing or breaks."""
    begun_s = time.time()
    crowd = _Crowd(url, folder, begun_s + seconds)
    async with asyncio.TaskGroup() as places:
        for place in range(PEOPLE_AT_ONCE):
            places.create_task(_take_turns(crowd, people, place))
    answered = np.sort(np.concatenate(crowd.answered_us)) / 1e6
    first_s, last_s = begun_s + SETTLE_S, crowd.ends_s
    crowd.slice.seconds = last_s - first_s
    crowd.slice.counted = int(np.searchsorted(answered, last_s) - np.searchsorted(answered, first_s))
    return crowd.slice


async def _take_turns(crowd: _Crowd, people: Iterator[Tapper], place: int) -> None:
    log = crowd.folder / f"place-{place}.log"
    while time.time() < crowd.ends_s:
        tapper = next(people)
        await asyncio.to_thread(_run, _command(crowd.url, tapper, log))
        _add(crowd, tapper, np.loadtxt(log, dtype=np.int64, ndmin=2))


def _add(crowd: _Crowd, tapper: Tapper, log: npt.NDArray[np.int64]) -> None:
    """Adds a person's log: start (microseconds since the epoch), HTTP status, duration (microseconds)."""
    good = log[log[:, 1] == _OK]
    crowd.slice.people += 1
    crowd.slice.requests += TAPS_EACH
    crowd.slice.answered += len(good)
    crowd.slice.interactions += tapper.taps * len(good)
    crowd.answered_us.append(good[:, 0] + good[:, 2])


def _command(url: str, tapper: Tapper, log: Path) -> Sequence[str]:
    log.unlink(missing_ok=True)
    headers = (
        "te: trailers",
        "content-type: application/grpc",
        "grpc-timeout: 5S",
        f"authorization: Bearer {tapper.token}",
    )
    return (
        "h2load",
        f"--requests={TAPS_EACH}",
        "--clients=1",
        f"--max-concurrent-streams={STREAMS}",
        f"--data={tapper.body}",
        f"--log-file={log}",
        *(f"--header={header}" for header in headers),
        url,
    )


def _run(command: Sequence[str]) -> None:
    # No child of asyncio's: uvloop's children run Python between fork and exec, which can hang beside gRPC.
    try:
        ended = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            command, capture_output=True, text=True, timeout=PERSON_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Refusal(f"h2load did not finish {TAPS_EACH} taps in {PERSON_TIMEOUT_S:.0f} s") from None
    if ended.returncode:
        words = (ended.stderr or ended.stdout).strip().splitlines()
        raise Refusal(f"h2load exited {ended.returncode}: {words[-1] if words else 'it gave no reason'}")
