"""Units of work for asyncio: many of them in one commit, none of them on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import sqlalchemy as sa
import structlog

from services.mesh.database.crew import Crew, Job, Outcome, Unit, answer
from services.mesh.database.engine import create_schema, for_writing, open_engine
from services.mesh.database.settings import DatabaseSettings
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.server import StartFailed

T = TypeVar("T")

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
    are given after the commit: what a caller hears is durable. Reads are grouped, too, because beginning a
    transaction costs more than most of them.
    """

    def __init__(self, engine: sa.Engine, settings: DatabaseSettings, *, hire: type[Crew] = Crew) -> None:
        """Works on an engine whose tables are there; `hire` makes the crews, which tests may replace."""
        self._engine = engine
        self._failures = _Failures(engine)
        self._attempts_max = settings.database_attempts_max
        batch_max = settings.database_units_per_commit_max
        self._writer = hire(
            f"{settings.service}-write",
            1,
            self._commit,
            queue_max=settings.database_queue_units_max,
            batch_max=batch_max,
        )
        self._readers = hire(
            f"{settings.service}-read",
            settings.database_readers,
            self._look_up,
            queue_max=settings.database_reads_max,
            batch_max=batch_max,
        )

    @classmethod
    async def open(cls, settings: DatabaseSettings, schema: sa.MetaData) -> Self:
        """Connects and creates the tables that are missing. Raises `StartFailed` when that cannot be done."""
        try:
            engine = open_engine(
                settings.database_url,
                settings.service,
                connections=settings.database_readers + 1,
                busy_timeout_ms=settings.database_busy_timeout_ms,
                mapped_bytes=settings.database_mapped_bytes,
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
        return await _through(self._writer, unit, "database_queue_units_max")

    async def read(self, unit: Unit[T]) -> T:
        """Runs a unit that only reads; on SQLite it sees one consistent state. Raises as `write` does."""
        return await _through(self._readers, unit, "database_reads_max")

    def at_start(self, unit: Unit[T]) -> T:
        """Runs a unit in a transaction of its own, and waits; for the start only. Raises as `write`."""
        for _ in range(self._attempts_max):
            try:
                with self._engine.connect() as connection, for_writing(connection).begin():
                    return unit(connection)
            except self._failures.conflict:
                # Another replica that starts was faster.
                continue
        raise DatabaseUnavailable("others that start keep getting in between")

    async def close(self) -> None:
        """Commits what waits, then lets go of threads and connections. Idempotent."""
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._engine.dispose)

    def _commit(self, jobs: Sequence[Job[Any]]) -> None:
        self._run(jobs, self._writer, self._failures.attempt_in_savepoint)

    def _look_up(self, jobs: Sequence[Job[Any]]) -> None:
        self._run(jobs, self._readers, self._failures.attempt)

    def _run(
        self,
        jobs: Sequence[Job[Any]],
        crew: Crew,
        attempt: Callable[[sa.Connection, Job[Any]], Outcome],
    ) -> None:
        """Runs the jobs in one transaction, and again those that must; answers each of them in the end."""
        waiting = jobs
        for number in range(1, self._attempts_max + 1):
            if not waiting:
                return
            try:
                with self._engine.connect() as connection, self._begin(connection, crew):
                    outcomes = [attempt(connection, job) for job in waiting]
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever the driver raises
                _log.warning("database_transaction_failed", attempt=number, error=type(error).__name__)
                crew.pause(_LOOK_AGAIN_S * number)
                continue
            answer([outcome for outcome in outcomes if not outcome.again])
            waiting = [outcome.job for outcome in outcomes if outcome.again]
        failure = DatabaseUnavailable("the database does not answer, or others keep getting in between")
        answer([Outcome(job, error=failure) for job in waiting])

    def _begin(self, connection: sa.Connection, crew: Crew) -> sa.RootTransaction:
        return (for_writing(connection) if crew is self._writer else connection).begin()


async def _through(crew: Crew, unit: Unit[T], limit: str) -> T:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    if not crew.put(Job(unit, loop, future)):
        raise DatabaseOverloaded("too many wait for the database", limit=limit)
    return await future


class _Failures:
    """Runs units, and sorts what they raise: to be told, to be tried again, or the end of the transaction.

    Errors may come from SQLAlchemy or, through a `Statement`, from the driver itself.
    """

    def __init__(self, engine: sa.Engine) -> None:
        driver: Any = engine.dialect.loaded_dbapi
        # Another writer was faster with the same key.
        self.conflict = (sa.exc.IntegrityError, driver.IntegrityError)
        # The transaction is lost, whichever statement noticed: a deadlock, a broken connection, a full disk.
        self._lost = (
            *(sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError),
            *(driver.OperationalError, driver.InterfaceError, driver.InternalError),
        )

    def attempt_in_savepoint(self, connection: sa.Connection, job: Job[Any]) -> Outcome:
        # Straight to the driver: SQLAlchemy compiles a new statement for every savepoint.
        cursor = connection.connection.cursor()
        try:
            cursor.execute("SAVEPOINT unit")
            outcome = self.attempt(connection, job)
            if outcome.again or outcome.error is not None:
                cursor.execute("ROLLBACK TO SAVEPOINT unit")
            cursor.execute("RELEASE SAVEPOINT unit")
        finally:
            cursor.close()
        return outcome

    def attempt(self, connection: sa.Connection, job: Job[Any]) -> Outcome:
        try:
            return Outcome(job, job.unit(connection))
        except self.conflict:
            return Outcome(job, again=True)
        except self._lost:
            raise
        except Exception as error:  # noqa: BLE001 - it is re-raised where the caller waits
            return Outcome(job, error=error)
