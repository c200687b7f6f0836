"""One seed, one evening: `simulate(seed)`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import random
import tempfile
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from services.mesh.background import start_background
from tests.simulation import dust, virtual_time
from tests.simulation.disk import digest
from tests.simulation.evening import CAMPAIGN, PEOPLE, Evening
from tests.simulation.faults import Fate
from tests.simulation.guests import World
from tests.simulation.invariants import Invariants
from tests.simulation.inviting import check_invitations
from tests.simulation.mesh import SimulatedMesh, simulated_mesh
from tests.simulation.operator import SimulatedOperator
from tests.simulation.writing import check_messages

HISTORY_LINES = 25
SWEEP_S = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an evening went that went well."""

    digest: str
    """Of every record of every journal, and of all that guests were told."""
    virtual_s: float
    records: int
    packets_won: int
    packets_moved: int
    """Those that went from one shard to another before anybody won them; each time counts."""
    sets_completed: int
    gifts: int
    envelopes: int
    """Envelopes that were paid for."""
    shares: int
    """What people got out of them."""
    waited: int
    """Winnings that waited until somebody was known."""
    went_back: int
    """Those of them that went back: nobody was known in time, or the person was paid already."""
    faults: dict[str, int]
    """What the network did, how often."""
    history: tuple[str, ...]
    told: dict[str, int]
    """How taps ended and what was refused, how often."""


class EveningFailed(AssertionError):
    """Something did not hold; the message names the seed."""


def simulate(seed: int) -> Outcome:
    """Plays the evening of a seed. Raises `EveningFailed`."""
    mesh: list[SimulatedMesh] = []
    with _quiet() as complaints, tempfile.TemporaryDirectory() as folder:
        try:
            outcome = virtual_time.run(lambda _: _evening(seed, Path(folder), mesh))
            assert not complaints, f"errors were logged: {complaints}"
        except BaseException as failure:
            if isinstance(failure, KeyboardInterrupt):
                raise
            history = "\n  ".join([line for one in mesh for line in one.history][-HISTORY_LINES:])
            first = _first(failure)
            complaint = f"seed {seed}: {type(first).__name__}: {first}"
            raise EveningFailed(f"{complaint}\n  {history}\n  {complaints[:3]}") from failure
    return outcome


async def _evening(seed: int, folder: Path, made: list[SimulatedMesh]) -> Outcome:
    name = f"evening-{seed}"
    # Pauses between attempts are drawn from the common source.
    random.seed(f"{name}:jitter")
    async with simulated_mesh(name, folder) as mesh:
        made.append(mesh)
        invariants = Invariants(mesh)
        world = World(mesh, invariants, CAMPAIGN)
        evening = Evening(mesh, world, SimulatedOperator(mesh, world), name)
        watching = [start_background(work, "watch") for work in (mesh.steward.watch(), _sweep(mesh))]
        try:
            await _unless(invariants.watch(), _with_faults(evening, name))
            mesh.note("the faults end")
            books = await _unless(invariants.watch(), dust.settled(evening))
            await dust.check_packets(evening, invariants)
            await dust.restart_cards(evening)
            await dust.check_cards(evening, invariants)
            await dust.check_envelopes(evening, invariants)
            await dust.check_money(evening, invariants, books)
            await check_invitations(evening.invited, world, mesh, invariants)
            await check_messages(evening.guests[:PEOPLE], world)
        finally:
            for task in watching:
                task.cancel()
        return await _outcome(evening, invariants)


async def _with_faults(evening: Evening, name: str) -> None:
    mesh = evening.mesh
    mesh.weather.is_calm = mesh.gazette.is_prompt = False
    reigning = start_background(Fate(mesh, name).reign(), "fate")
    try:
        await evening.play()
    finally:
        reigning.cancel()
        mesh.weather.is_calm = mesh.gazette.is_prompt = True
        mesh.weather.unreachable.clear()
    async with asyncio.timeout(dust.SETTLING_S_MAX):
        await mesh.whole()


async def _unless(watch: Any, work: Any) -> Any:
    """The work's result, unless the watch fails first."""
    watching, working = asyncio.ensure_future(watch), asyncio.ensure_future(work)
    try:
        await asyncio.wait({watching, working}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            await watching
        return await working
    finally:
        for task in (watching, working):
            task.cancel()
        await asyncio.gather(watching, working, return_exceptions=True)


async def _sweep(mesh: SimulatedMesh) -> None:
    """Collects garbage at times that the seed decides, because what is collected may still act."""
    while True:
        await mesh.clock.sleep(SWEEP_S)
        gc.collect()


async def _outcome(evening: Evening, invariants: Invariants) -> Outcome:
    mesh, told = evening.mesh, evening.world.told
    memories = [
        sorted(told.wins.items()),
        sorted(told.gifts),
        sorted(told.sets),
        sorted(told.envelopes),
        sorted(told.shares.items()),
        sorted(told.outcomes.items()),
    ]
    sent = invariants.envelopes.sent.values()
    hashed = hashlib.sha256(f"{await digest(mesh.disk)} {memories}".encode())
    return Outcome(
        digest=hashed.hexdigest(),
        virtual_s=mesh.clock.monotonic_s(),
        records=invariants.records,
        packets_won=len(invariants.packets.wins()),
        packets_moved=invariants.packets.moved,
        sets_completed=len(invariants.cards.completed),
        gifts=len(invariants.cards.gifts),
        envelopes=sum(envelope.is_opened for envelope in sent),
        shares=sum(len(envelope.claimed) for envelope in sent),
        waited=len(invariants.people.waited),
        went_back=len(invariants.people.returned),
        faults=dict(sorted(mesh.weather.events.items())),
        history=tuple(mesh.history),
        told=dict(sorted(told.outcomes.items())),
    )


@contextlib.contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keeps logs from the screen, collects what is an error, and leaves everything as it was."""
    complaints: list[str] = []

    def judge(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in {"error", "critical", "exception"}:
            complaints.append(str(dict(event)))
        raise structlog.DropEvent

    before, chance = structlog.get_config(), random.getstate()
    structlog.configure(processors=[judge], cache_logger_on_first_use=False)
    gc.collect()
    # What is there already has nothing to do with the evening, and is not looked through again and again.
    gc.freeze()
    gc.disable()
    try:
        yield complaints
    finally:
        gc.enable()
        gc.unfreeze()
        random.setstate(chance)
        structlog.configure(**before)


def _first(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
