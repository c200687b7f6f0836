"""Tables without threads: what a unit of work does, it does on the loop, so that chance has no say in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from services.mesh.database.crew import Crew, Job
from services.mesh.database.database import Database
from services.mesh.database.engine import create_schema, open_engine
from services.mesh.database.settings import DatabaseSettings


class OnTheLoop(Crew):
    """A crew of nobody: each job is done between two turns of the loop."""

    def __init__(
        self,
        name: str,  # noqa: ARG002 - the signature of crews
        threads: int,  # noqa: ARG002
        work: Callable[[Sequence[Job[Any]]], None],
        *,
        queue_max: int,  # noqa: ARG002
        batch_max: int,  # noqa: ARG002
    ) -> None:
        self._work = work

    def put(self, job: Job[Any]) -> bool:
        """See `Crew.put`."""
        job.loop.call_soon(self._do, job)
        return True

    def pause(self, seconds: float) -> None:
        """See `Crew.pause`. Nobody else writes, so there is nobody to wait for."""
        raise AssertionError(f"a transaction failed that nobody disturbed, and would wait for {seconds} s")

    def close(self) -> None:
        """See `Crew.close`."""

    def _do(self, job: Job[Any]) -> None:
        if not job.answer.cancelled():
            self._work([job])


def open_tables(settings: DatabaseSettings, schema: sa.MetaData) -> Database:
    """A service's tables in its folder; close the engine with `close_tables`."""
    engine = open_engine(settings.database_url, settings.service, connections=2, busy_timeout_ms=0)
    # No power fails here, and the disks of test machines are slow.
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    create_schema(engine, schema)
    return Database(engine, settings, hire=OnTheLoop)


def close_tables(database: Database) -> None:
    """Lets go of the file."""
    database._engine.dispose()
