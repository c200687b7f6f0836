"""Two transactions at the same moment: one is about to commit when the other one comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa

from services.mesh.database.database import Database

_PATIENCE_S = 20.0
_LOOK_S = 0.01


async def waits_for(
    other: Callable[[], Awaitable[object]], database: Database, one: Callable[[], Awaitable[object]]
) -> bool:
    """Whether `other` waits for the commit of what `one` writes to a PostgreSQL database, given by its first.

    `other` has to work on another `Database`, as in a replica. Both have ended on return.
    """
    written, over = threading.Event(), threading.Event()
    waited: list[bool] = []

    def hold(connection: sa.Connection) -> None:
        if written.is_set() or not connection.get_execution_options().get("hongbao_writes"):
            return
        written.set()
        looks = round(_PATIENCE_S / _LOOK_S)
        waited.append(any(_is_awaited(connection) for _ in range(looks) if not over.wait(_LOOK_S)))

    sa.event.listen(database._engine, "commit", hold)
    try:
        writing = asyncio.ensure_future(one())
        await asyncio.to_thread(written.wait, _PATIENCE_S)
        coming = asyncio.ensure_future(other())
        coming.add_done_callback(lambda _: over.set())
        await asyncio.wait((writing, coming))
    finally:
        sa.event.remove(database._engine, "commit", hold)
    writing.result()
    coming.result()
    return waited == [True]


async def waits_empty_handed(
    other: Callable[[], Awaitable[object]], database: Database, held: sa.Select[Any], free: sa.Select[Any]
) -> bool:
    """Whether `other` waits for the rows `held` of a PostgreSQL database while it holds none of `free`.

    Else whoever holds them in that order, and it, would wait for each other. `other` works on another
    `Database`, and has ended on return.
    """
    holding, over = threading.Event(), threading.Event()

    def unit(connection: sa.Connection) -> bool:
        connection.execute(held.with_for_update())
        holding.set()
        looks = round(_PATIENCE_S / _LOOK_S)
        waited = any(_is_awaited(connection) for _ in range(looks) if not over.wait(_LOOK_S))
        return waited and bool(connection.execute(free.with_for_update(skip_locked=True)).all())

    writing = asyncio.ensure_future(database.write(unit))
    await asyncio.to_thread(holding.wait, _PATIENCE_S)
    coming = asyncio.ensure_future(other())
    coming.add_done_callback(lambda _: over.set())
    await asyncio.wait((writing, coming))
    coming.result()
    return writing.result()


def _is_awaited(connection: sa.Connection) -> bool:
    """Whether anybody waits for this transaction."""
    found = connection.exec_driver_sql(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    return found.first() is not None
