"""`hongbao bench taps`: taps at the real gateway beside a do-nothing grpc.aio echo, driven by h2load.

A whole mesh runs on this machine, with real people, real tokens and real rounds, at default settings but for
the limit of taps a person (see `tap_stage.py`). The echo and the gateway take turns, in pairs, so that what
else the machine does meets both alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Annotated

import typer

from services.cli.bench.h2load import SETTLE_S, Slice, tap_for
from services.cli.bench.options import Folder, ReportFile
from services.cli.bench.report import ZERO, Report, Target
from services.cli.bench.tap_counts import Counts, echo_counts, gateway_counts
from services.cli.bench.tap_stage import Stage, running_stage
from services.cli.bench.workplace import require_program
from services.cli.console import CONSOLE, Refusal, run
from services.mesh.settings import MeshSettings, load

EXAMPLES = "Examples: `hongbao bench taps` &nbsp; `hongbao bench taps --pairs 8 --report taps.json`"

_PATH = "hongbao.gateway.v1.TapService/Tap"
_PASSED_ON = 0.001
"""Share of taps that is to reach the owner of the stock."""
_RELEASED = 1.5
"""Packets released for each of them: people and packets are not spread over the shards alike."""
_RPC_PER_S_GUESSED = 5_000


def bench_taps(
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Time for each turn.")] = 5.0,
    pairs: Annotated[int, typer.Option(min=1, max=100, help="Turns of the echo and of the gateway.")] = 5,
    people: Annotated[int, typer.Option(min=16, max=100_000, help="How many different people tap.")] = 400,
    report: ReportFile = None,
    folder: Folder = None,
) -> None:
    """Measures taps at the gateway beside a do-nothing grpc.aio echo with the same messages."""
    options = {"seconds": seconds, "pairs": pairs, "people": people}
    found = run(_measured(seconds, pairs, people, folder))
    if not _reported(found, Report("taps", options)).finish(report):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One stretch of load on one server, and what the server says of it."""

    load: Slice
    counts: Counts


@dataclass(frozen=True, slots=True)
class _Pair:
    echo: _Turn
    taps: _Turn

    @property
    def ratio(self) -> float:
        return self.taps.load.rpc_per_s / self.echo.load.rpc_per_s


async def _measured(seconds: float, pairs: int, people: int, folder: Path | None) -> list[_Pair]:
    require_program("h2load")
    CONSOLE.print(f"starting a mesh, an echo and {people} people", highlight=False)
    async with running_stage(people, folder, load(MeshSettings)) as stage:
        # Not counted: it warms both up, and says how many packets a turn needs.
        first = await _pair(stage, seconds, _RPC_PER_S_GUESSED, number=0)
        found = []
        for number in range(1, pairs + 1):
            found.append(await _pair(stage, seconds, first.taps.load.rpc_per_s, number))
            _show(number, found[-1])
        return found


async def _pair(stage: Stage, seconds: float, rpc_per_s: float, number: int) -> _Pair:
    """A turn of each; who begins changes from pair to pair."""
    if number % 2:
        taps = await _tap_turn(stage, seconds, rpc_per_s)
        return _Pair(await _echo_turn(stage, seconds), taps)
    echo = await _echo_turn(stage, seconds)
    return _Pair(echo, await _tap_turn(stage, seconds, rpc_per_s))


async def _echo_turn(stage: Stage, seconds: float) -> _Turn:
    before = await echo_counts(stage.echo_pid, stage.echo_address)
    load_ = await tap_for(
        seconds + SETTLE_S, f"http://{stage.echo_address}/{_PATH}", stage.tappers("round-1"), stage.folder
    )
    return _Turn(load_, (await echo_counts(stage.echo_pid, stage.echo_address)).since(before))


async def _tap_turn(stage: Stage, seconds: float, rpc_per_s: float) -> _Turn:
    """Taps in a round of its own, with packets for the share of taps that is to be passed on."""
    packets = ceil(rpc_per_s * seconds * _PASSED_ON * _RELEASED)
    round_id, opens_at = await stage.open_round(packets, seconds + SETTLE_S)
    before = await _gateway_counts(stage)
    await asyncio.sleep((opens_at - datetime.now(UTC)).total_seconds())
    load_ = await tap_for(
        seconds + SETTLE_S, f"http://{stage.gateway_address}/{_PATH}", stage.tappers(round_id), stage.folder
    )
    return _Turn(load_, (await _gateway_counts(stage)).since(before))


async def _gateway_counts(stage: Stage) -> Counts:
    return await gateway_counts(stage.gateway_pid, stage.gateway_address, stage.metrics_port)


def _show(number: int, pair: _Pair) -> None:
    echo, taps = pair.echo, pair.taps
    CONSOLE.print(
        f"pair {number}: echo {echo.load.rpc_per_s:>7,.0f}/s  taps {taps.load.rpc_per_s:>7,.0f}/s"
        f"  ratio {pair.ratio:.2f}"
        f"  processor time a call {echo.counts.cpu_us_per_call:.0f} and {taps.counts.cpu_us_per_call:.0f} us",
        highlight=False,
    )


def _reported(pairs: Sequence[_Pair], report: Report) -> Report:
    taps, echo = _Total([pair.taps for pair in pairs]), _Total([pair.echo for pair in pairs])
    report.add("taps_rpc_per_s", round(taps.rpc_per_s), "taps answered by the gateway")
    report.add("echo_rpc_per_s", round(echo.rpc_per_s), "the same messages answered by a do-nothing server")
    ratio = taps.rpc_per_s / echo.rpc_per_s
    report.add("ratio", round(ratio, 3), "the first by the second", Target(at_least=0.7))
    report.add("ratio_min", round(min(pair.ratio for pair in pairs), 3), "of the pairs, the worst")
    report.add("ratio_max", round(max(pair.ratio for pair in pairs), 3), "of the pairs, the best")
    report.add("interactions_per_s", round(taps.interactions_per_s), "touches that those taps reported")
    report.add("grpc_errors", taps.errors, "taps without status OK, by the gateway's own metrics", ZERO)
    report.add("echo_errors", echo.errors, "the same at the echo, by its own count", ZERO)
    report.add(
        "passed_on_share",
        round(taps.share(lambda counts: counts.passed_on), 5),
        "of the taps, decided by the owner of the stock in a durable journal",
        Target(at_least=_PASSED_ON),
    )
    report.add("won_share", round(taps.share(lambda counts: counts.won), 5), "of the taps, won a packet")
    report.add(
        "already_won_share",
        round(taps.share(lambda counts: counts.already_won), 5),
        "of the taps, by people who had won: h2load goes on where people would stop",
    )
    report.add("people", taps.people, "turns of people at the gateway, each on a connection of its own")
    report.add("gateway_cpu_us", round(taps.cpu_us_per_call, 1), "processor time of the gateway for a tap")
    report.add("echo_cpu_us", round(echo.cpu_us_per_call, 1), "processor time of the echo for the same")
    return report


class _Total:
    """All turns of one server together."""

    def __init__(self, turns: Sequence[_Turn]) -> None:
        seconds = sum(turn.load.seconds for turn in turns)
        answered = sum(turn.load.answered for turn in turns)
        self._turns = turns
        self._ok = sum(turn.counts.ok for turn in turns)
        if not self._ok:
            codes = {code for turn in turns for code in turn.counts.failed_by_code}
            raise Refusal(f"not one tap was answered well: {', '.join(sorted(codes))}")
        self.rpc_per_s = sum(turn.load.counted for turn in turns) / seconds
        self.interactions_per_s = sum(turn.load.interactions for turn in turns) / answered * self.rpc_per_s
        # A request that the server did not count as answered well is an error, whatever h2load saw.
        self.errors = sum(
            turn.counts.failed + abs(turn.load.requests - turn.counts.handled) for turn in turns
        )
        self.people = sum(turn.load.people for turn in turns)
        self.cpu_us_per_call = sum(turn.counts.cpu_s for turn in turns) / self._ok * 1e6

    def share(self, count: Callable[[Counts], int]) -> float:
        """Of the answered taps, those that are counted."""
        return sum(count(turn.counts) for turn in self._turns) / self._ok
