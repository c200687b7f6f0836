"""Units of work for asyncio: many of them in one commit, none of them on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import sqlalchemy as sa
import structlog

from services.mesh.database.engine import create_schema, for_writing, open_engine
from services.mesh.database.settings import DatabaseSettings
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.server import StartFailed

T = TypeVar("T")
Unit = Callable[[sa.Connection], T]
"""Reads and writes through the connection it is given, and returns what it found.

It runs in another thread, may run more than once, and must be safe to run again even after it was committed,
because the answer to a commit can be lost.
"""

_log = structlog.get_logger(__name__)
_LOOK_AGAIN_S = 0.02


class DatabaseOverloaded(ServiceError):
    """Too many units of work wait for the database; nothing was done."""

    kind = ErrorKind.EXHAUSTED
    reason = "OVERLOADED"
    retry_delay_ms = 100


class DatabaseUnavailable(ServiceError):
    """The database did not answer, or other writers kept getting in between. Repeat with the same key."""

    kind = ErrorKind.UNAVAILABLE
    reason = "DATABASE_UNAVAILABLE"
    retry_delay_ms = 500


class Database:
    """A service's tables.

    Writes are grouped: while one commit waits for the disk, the units that arrive gather, and the next commit
    takes them all. Each runs inside a savepoint, so one that fails undoes itself and nothing else. Answers
    are given after the commit: what a caller hears is durable.
    """

    def __init__(self, engine: sa.Engine, settings: DatabaseSettings) -> None:
        self._engine = engine
        self._attempts_max = settings.database_attempts_max
        self._batch_max = settings.database_units_per_commit_max
        self._queue_max = settings.database_queue_units_max
        self._reads_max = settings.database_reads_max
        self._reads = 0
        self._queue: deque[_Job[Any]] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        self._readers = ThreadPoolExecutor(settings.database_readers, f"{settings.service}-read")
        # A daemon, so that a process whose loop crashed can still end: nothing unanswered was promised.
        self._writer = threading.Thread(target=self._write_on, name=f"{settings.service}-write", daemon=True)
        self._writer.start()

    @classmethod
    async def open(cls, settings: DatabaseSettings, schema: sa.MetaData) -> Self:
        """Connects and creates the tables that are missing. Raises `StartFailed` when that cannot be done."""
        try:
            engine = open_engine(
                settings.database_url,
                settings.service,
                connections=settings.database_readers + 1,
                busy_timeout_ms=settings.database_busy_timeout_ms,
            )
            await asyncio.to_thread(create_schema, engine, schema)
        except (ValueError, OSError, sa.exc.SQLAlchemyError) as failure:
            # The driver's own words, without the statement that SQLAlchemy adds to them.
            cause = str(getattr(failure, "orig", failure)).strip().partition("\n")[0]
            raise StartFailed(f"{settings.service}: cannot open the database: {cause}") from None
        return cls(engine, settings)

    async def write(self, unit: Unit[T]) -> T:
        """Runs a unit in a transaction that is shared with others; durable on return.

        What the unit raises arrives here, and then it has written nothing. Raises `DatabaseOverloaded` at
        once when too many wait, `DatabaseUnavailable` when the attempts are used up. Cancelling does not
        undo it.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        job = _Job(unit, loop, answer)
        with self._arrived:
            if self._closing:
                raise DatabaseUnavailable("the database is closed")
            if len(self._queue) >= self._queue_max:
                raise _overloaded("database_queue_units_max")
            self._queue.append(job)
            self._arrived.notify()
        return await answer

    async def read(self, unit: Unit[T]) -> T:
        """Runs a unit that only reads, seeing one consistent state. Raises as `write` does."""
        if self._reads >= self._reads_max:
            raise _overloaded("database_reads_max")
        self._reads += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, unit)
        finally:
            self._reads -= 1

    async def close(self) -> None:
        """Commits what waits, then lets go of threads and connections. Idempotent."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._engine.dispose)

    def _read(self, unit: Unit[T]) -> T:
        for attempt in range(1, self._attempts_max + 1):
            try:
                with self._engine.connect() as connection, connection.begin():
                    return unit(connection)
            except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as failure:
                _log.warning("database_read_failed", attempt=attempt, error=type(failure).__name__)
        raise DatabaseUnavailable("the database does not answer")

    def _write_on(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)

    def _next_batch(self) -> list[_Job[Any]]:
        # Empty once the queue is drained and closed.
        with self._arrived:
            while not self._queue and not self._closing:
                self._arrived.wait()
            count = min(len(self._queue), self._batch_max)
            return [self._queue.popleft() for _ in range(count)]

    def _commit(self, batch: Sequence[_Job[Any]]) -> None:
        waiting = [job for job in batch if not job.answer.cancelled()]
        for attempt in range(1, self._attempts_max + 1):
            try:
                with self._engine.connect() as connection, for_writing(connection).begin():
                    outcomes = [_attempt(connection, job) for job in waiting]
            except Exception as error:  # noqa: BLE001 - the writer outlives whatever the driver raises
                # The whole transaction is gone: a deadlock, a lost connection, a full disk.
                _log.warning("database_commit_failed", attempt=attempt, error=type(error).__name__)
                self._pause(attempt)
                continue
            _answer([outcome for outcome in outcomes if not outcome.again])
            waiting = [outcome.job for outcome in outcomes if outcome.again]
            if not waiting:
                return
        failure = DatabaseUnavailable("the database does not answer, or others keep getting in between")
        _answer([_Outcome(job, error=failure) for job in waiting])

    def _pause(self, attempt: int) -> None:
        # Another replica's transaction stands in the way: give it a moment to end, a longer one each time.
        with self._arrived:
            self._arrived.wait_for(lambda: self._closing, timeout=_LOOK_AGAIN_S * attempt)


@dataclass(frozen=True, slots=True, eq=False)
class _Job(Generic[T]):
    unit: Unit[T]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[T]


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job[Any]
    value: object = None
    error: BaseException | None = None
    again: bool = False
    """Another writer was faster with the same key: run again, and see what that one wrote."""


def _attempt(connection: sa.Connection, job: _Job[Any]) -> _Outcome:
    savepoint = connection.begin_nested()
    try:
        value = job.unit(connection)
        savepoint.commit()
    except sa.exc.IntegrityError:
        savepoint.rollback()
        return _Outcome(job, again=True)
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError):
        # Not this unit's fault: the transaction cannot go on.
        raise
    except Exception as error:  # noqa: BLE001 - it is re-raised where the caller of `write` waits
        savepoint.rollback()
        return _Outcome(job, error=error)
    return _Outcome(job, value)


def _answer(outcomes: Sequence[_Outcome]) -> None:
    # One wake-up of the loop for all; they nearly always share one loop.
    for loop in {outcome.job.loop for outcome in outcomes}:
        mine = [outcome for outcome in outcomes if outcome.job.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, mine)


def _resolve(outcomes: Sequence[_Outcome]) -> None:
    for outcome in outcomes:
        answer = outcome.job.answer
        if answer.done():
            continue
        if outcome.error is not None:
            answer.set_exception(outcome.error)
        else:
            answer.set_result(outcome.value)


def _overloaded(limit: str) -> DatabaseOverloaded:
    return DatabaseOverloaded("too many wait for the database", limit=limit)
