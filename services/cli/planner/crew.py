"""Plays games of many seeds in processes of their own; how many there are changes nothing else."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from services.cli.planner.calibration import Temper
from services.cli.planner.game import Crowd, Outcome, scaled
from services.cli.planner.setting import Setting
from services.cli.signals import ending_signals

_END_S = 5.0
"""How long a process that was ended may take."""


class WorkerLost(RuntimeError):
    """A process that played games has ended without a word: mostly for want of memory."""


@dataclass(frozen=True, slots=True)
class Work:
    """Games of one seed: the same people, under one rare-card limit after the other."""

    setting: Setting
    temper: Temper
    seed: int
    rare_limits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """One game is over; counts are those of the real game."""

    seed: int
    rare_limit: int
    outcome: Outcome


class Crew:
    """Worker processes, and what each is doing."""

    def __init__(self, size: int, day_over: Callable[[], None]) -> None:
        self._size = size
        self._day_over = day_over
        self._processes: list[BaseProcess] = []
        self._connections: list[Connection] = []

    async def play(self, works: Sequence[Work]) -> list[Played]:
        """Does all of the work; games in the order in which they were asked for.

        Raises `WorkerLost` when a process dies.
        """
        waiting = list(reversed(works))
        lanes = [self._lane(one, waiting) for one in self._hired(min(self._size, len(works)))]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(lane) for lane in lanes]
        except* WorkerLost as lost:
            raise lost.exceptions[0] from None
        played = [game for task in tasks for game in task.result()]
        order = {work.seed: number for number, work in enumerate(works)}
        return sorted(played, key=lambda game: (order[game.seed], game.rare_limit))

    def end(self) -> None:
        """Ends all processes, whatever they are doing: they own nothing that could be left half done."""
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join(_END_S)

    def _hired(self, count: int) -> list[Connection]:
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # Else it is started below, and lifts the mask.
        while len(self._processes) < count:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            # A Ctrl-C reaches the whole group of processes. Workers inherit the mask and never see it: they
            # are ended by their parent, or end when they find it gone.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, ending_signals())
            process.start()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
            self._processes.append(process)
            self._connections.append(ours)
        return self._connections[:count]

    async def _lane(self, connection: Connection, waiting: list[Work]) -> list[Played]:
        played: list[Played] = []
        while waiting:
            work = waiting.pop()
            try:
                connection.send(work)
                while (message := await _received(connection)) is not None:
                    if isinstance(message, Played):
                        played.append(message)
                    else:
                        self._day_over()
            except (EOFError, OSError):
                raise WorkerLost(
                    f"the process that played seed {work.seed} was ended; for so many people there may be"
                    " too little memory: try a smaller --sample, or one --processes"
                ) from None
        return played


@asynccontextmanager
async def crew_of(size: int, day_over: Callable[[], None]) -> AsyncIterator[Crew]:
    """Processes for as long as the body runs; `day_over` is called for every day that was played."""
    crew = Crew(size, day_over)
    try:
        yield crew
    finally:
        crew.end()


async def _received(connection: Connection) -> Played | int | None:
    """What a process says next; None when it has done its work."""
    if not connection.poll():
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(connection.fileno(), _wake, readable)
        try:
            await readable
        finally:
            loop.remove_reader(connection.fileno())
    message: Played | int | None = connection.recv()
    return message


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _serve(connection: Connection) -> None:
    """A worker: plays what it is told to, until nobody is there any more."""
    try:
        while True:
            work: Work = connection.recv()
            for game in games(work, connection.send):
                connection.send(game)
            connection.send(None)
    except (EOFError, OSError, MemoryError):
        return  # Whoever waits for an answer notices.


def games(work: Work, day_over: Callable[[int], None] = lambda _day: None) -> list[Played]:
    """Plays the games of one seed in this process."""
    crowd, setting = Crowd(work.setting, work.seed, work.temper), work.setting
    return [
        Played(work.seed, limit, scaled(crowd.play(setting.in_sample(limit), day_over), setting))
        for limit in work.rare_limits
    ]
