"""`hongbao bench isolation`: whether a round goes on as if nothing were, while others share and chat.

Claims come at a fixed rate, alone and then beside a burst of shares and messages at a multiple of what
their lanes take; and once more as fast as they are answered. Processes are real, and so are people, tokens
and money.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.bench.isolation_jobs import Talker, result_of
from services.cli.bench.isolation_report import Phase, report_on
from services.cli.bench.isolation_stage import CAMPAIGN, Lanes, Stage, running_stage
from services.cli.bench.options import Folder, ReportFile
from services.cli.bench.report import Report
from services.cli.console import CONSOLE, run
from services.cli.local_mesh.layout import PROMPT_SLICE_US, Half, ProcessSpec
from services.cli.local_mesh.process import ChildProcess, ProcessFailed
from services.mesh.settings import MeshSettings, load

EXAMPLES = (
    "Examples: `hongbao bench isolation` &nbsp; `hongbao bench isolation --together --alike --pairs 1`"
    " &nbsp; `hongbao bench isolation --report isolation.json`"
)
_LEAD_S = 2.5
"""Between the start of processes that make load and the load: Python starts, they connect."""
_CREATED_IN_S = 0.5
"""What the creation of a round may take, on a busy machine: all are created before the first opens."""
_HEARD_OF_S = 1.5
"""From the opening of rounds until every gateway has surely heard of it."""
_OPEN_LONGER_S = 20.0
"""Rounds are open for so much longer than the load takes."""
_PATIENCE_S = 60.0
"""What is left to be delivered, or looked up, when the burst is over gets this long."""
_SATURATED_PAIRS = 2
"""Most stretches without and with the burst in which claims come as fast as they are answered."""
_AT_ONCE = 64
"""People who tap without a pause."""
_FASTEST_PER_S = 3_000
"""More claims than one gateway answers."""
_BURST_NICENESS = 3
"""Those who share and chat are other machines in truth: where they have no processors of their own here, they
must not hold up who taps."""


def bench_isolation(
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Time for each stretch of load.")] = 10.0,
    pairs: Annotated[int, typer.Option(min=1, max=20, help="Stretches without and with the burst.")] = 5,
    claims: Annotated[int, typer.Option(min=1, max=5_000, help="Claims a second.")] = 120,
    shares: Annotated[int, typer.Option(min=1, max=5_000, help="Shares a second that the lane takes.")] = 10,
    messages: Annotated[
        int, typer.Option(min=1, max=5_000, help="Messages a second that the lane takes.")
    ] = 30,
    times: Annotated[int, typer.Option(min=1, max=100, help="How many times as much comes.")] = 10,
    people: Annotated[int, typer.Option(min=16, max=100_000, help="How many people tap.")] = 1_000,
    talkers: Annotated[int, typer.Option(min=5, max=10_000, help="How many share and chat.")] = 60,
    report: ReportFile = None,
    folder: Folder = None,
    *,
    warm_up: Annotated[bool, typer.Option(help="Begin with a stretch that does not count.")] = True,
    saturated: Annotated[bool, typer.Option(help="Also claim as fast as answers come.")] = True,
    together: Annotated[bool, typer.Option("--together", help="Let one gateway answer everything.")] = False,
    alike: Annotated[bool, typer.Option("--alike", help="Let no process stand back behind another.")] = False,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="Take on whatever comes.")] = False,
) -> None:
    """Measures what a burst of shares and messages does to claims, and whether any of it is lost."""
    load_of = Load(seconds, claims, shares * times, messages * times)
    lanes = Lanes(0 if unlimited else shares, 0 if unlimited else messages, together, alike)
    options = {
        "pairs": pairs,
        "people": people,
        "talkers": talkers,
        "times": times,
        **asdict(load_of),
        **asdict(lanes),
    }
    plan = Plan(pairs, warm_up=warm_up, saturated=saturated)
    found = run(_measured(load_of, plan, people, talkers, lanes, folder))
    if not report_on(found, Report("isolation", options)).finish(report):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Load:
    """What comes in one stretch of time."""

    seconds: float
    claims_per_s: int
    shares_per_s: int
    messages_per_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Which stretches of load there are."""

    pairs: int
    """Without the burst and with it."""
    warm_up: bool
    saturated: bool


async def _measured(
    load_of: Load, plan: Plan, people: int, talkers: int, lanes: Lanes, folder: Path | None
) -> list[Phase]:
    CONSOLE.print(f"starting a mesh, {people} people who tap and {talkers} who talk", highlight=False)
    async with running_stage(people, talkers, lanes, folder, load(MeshSettings)) as stage:
        if plan.warm_up:
            await _phase(stage, load_of, "warm-up", at_once=0, with_burst=True)
        found = []
        for at_once in (0, _AT_ONCE) if plan.saturated else (0,):
            for _ in range(min(plan.pairs, _SATURATED_PAIRS) if at_once else plan.pairs):
                for with_burst in (False, True):
                    name = f"{'saturated' if at_once else 'steady'}, {'burst' if with_burst else 'quiet'}"
                    found.append(await _phase(stage, load_of, name, at_once=at_once, with_burst=with_burst))
                    CONSOLE.print(found[-1].line(), highlight=False, soft_wrap=True)
        return found


async def _phase(stage: Stage, load_of: Load, name: str, *, at_once: int, with_burst: bool) -> Phase:
    people = len(stage.tokens)
    most = load_of.seconds * (_FASTEST_PER_S if at_once else load_of.claims_per_s)
    count = ceil(most / people)
    opens_at = datetime.now(UTC) + timedelta(seconds=_LEAD_S + count * _CREATED_IN_S)
    rounds = await stage.open_rounds(count, people, opens_at, load_of.seconds + _OPEN_LONGER_S)
    heard_of = opens_at + timedelta(seconds=_HEARD_OF_S)
    start_at = max(heard_of, datetime.now(UTC) + timedelta(seconds=_LEAD_S))
    start_at_s = start_at.timestamp()
    jobs = [_claims_job(stage, load_of, rounds, start_at_s, at_once)]
    if with_burst:
        jobs.append(_burst_job(stage, load_of, start_at_s))
    children = [_start(stage, f"{kind}-{stage.rounds}", kind, job) for kind, job in jobs]
    await asyncio.sleep(max(0.0, start_at_s - datetime.now(UTC).timestamp()))
    before = stage.cpu_s()
    await asyncio.sleep(load_of.seconds)
    cpu_s = {process: after - before[process] for process, after in stage.cpu_s().items()}
    results = [await _found(stage, child) for child in children]
    if with_burst:
        stage.talkers = [Talker(**talker) for talker in results[1]["talkers"]]
    return Phase(name, bool(at_once), results[0], results[1] if with_burst else None, cpu_s)


def _claims_job(
    stage: Stage, load_of: Load, rounds: Sequence[str], start_at_s: float, at_once: int
) -> tuple[str, Mapping[str, Any]]:
    return "claims", {
        "address": stage.layout.lane_addresses["taps"],
        "campaign_id": CAMPAIGN,
        "rounds": rounds,
        "tokens": stage.tokens,
        "per_s": load_of.claims_per_s,
        "at_once": at_once,
        "seconds": load_of.seconds,
        "start_at_s": start_at_s,
    }


def _burst_job(stage: Stage, load_of: Load, start_at_s: float) -> tuple[str, Mapping[str, Any]]:
    return "burst", {
        "share_address": stage.layout.lane_addresses["sharing"],
        "chat_address": stage.layout.lane_addresses["chat"],
        "talkers": [asdict(talker) for talker in stage.talkers],
        "shares_per_s": load_of.shares_per_s,
        "messages_per_s": load_of.messages_per_s,
        "seconds": load_of.seconds,
        "start_at_s": start_at_s,
        "patience_s": _PATIENCE_S,
    }


def _start(stage: Stage, name: str, kind: str, job: Mapping[str, Any]) -> ChildProcess:
    path = stage.place.folder / f"{name}.json"
    stands_back, apart = stage.layout.standing_back, stage.layout.keeps_apart
    path.write_text(json.dumps(job))
    child = ChildProcess.start(
        ProcessSpec(
            name=name,
            service=name,
            command=(sys.executable, "-m", f"services.cli.bench.isolation_{kind}", str(path)),
            environment={},
            log_file=stage.place.folder / f"{name}.log",
            niceness=_BURST_NICENESS if kind == "burst" and stands_back and not apart else 0,
            slice_us=PROMPT_SLICE_US if kind == "claims" and stands_back else 0,
            half=Half.SECOND if kind == "burst" and apart else Half.NEITHER,
        )
    )
    stage.place.children.append(child)
    return child


async def _found(stage: Stage, child: ChildProcess) -> dict[str, Any]:
    """What the process writes when it has done its job. Raises `ProcessFailed` when it fails."""
    if await child.wait():
        raise ProcessFailed(child.death_notice(), process=child.spec.name)
    stage.place.children.remove(child)
    found: dict[str, Any] = json.loads(result_of(Path(child.spec.command[-1])).read_text())
    return found
