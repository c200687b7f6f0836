"""Starts the identity service: `python -m services.identity`."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable

from services.identity.adapters.earlier_people import tell_of_earlier_people
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import schema
from services.identity.rooms.accounts import accounts
from services.identity.rooms.cases import cases
from services.identity.rooms.credit import credit
from services.identity.rooms.grounds import lay
from services.identity.rooms.privacy import privacy
from services.identity.rooms.sessions import sessions
from services.identity.rooms.verifying import verifying
from services.identity.settings import IdentitySettings
from services.mesh.clock import Clock, SystemClock
from services.mesh.database.database import Database
from services.mesh.keys.masters import KeysUnusable
from services.mesh.logs import start_logging
from services.mesh.member import serve_as_member
from services.mesh.reach import Reach, open_reach
from services.mesh.room import Room, at_work, services_of
from services.mesh.server import MeshServer, StartFailed, run
from services.mesh.settings import load
from services.mesh.telemetry import start_telemetry


def wire(
    settings: IdentitySettings,
    database: Database,
    clock: Clock,
    draw_bits: Callable[[int], int] = secrets.randbits,
    reach: Reach | None = None,
) -> tuple[Room, ...]:
    """The service's rooms on a database. Raises `KeysUnusable`."""
    on = lay(settings, database, clock, draw_bits, reach)
    return (accounts(on), cases(on), sessions(on), verifying(on), credit(on), privacy(on))


async def main() -> None:
    """Runs until a signal, then leaves the directory, drains and stops."""
    settings, clock = load(IdentitySettings), SystemClock()
    start_logging(settings, "identity")
    async with contextlib.AsyncExitStack() as stack:
        telemetry = start_telemetry(settings, "identity")
        stack.callback(telemetry.shutdown)
        database = await Database.open(settings, schema)
        stack.push_async_callback(database.close)
        await tell_of_earlier_people(database, SqlPersonFeed(database, clock), clock.now_ms())
        reach = await stack.enter_async_context(
            open_reach(settings, clock, members=("social",), owners=("settlement",))
        )
        try:
            rooms = wire(settings, database, clock, reach=reach)
        except KeysUnusable as failure:
            raise StartFailed(f"identity: {failure}") from None
        server = MeshServer(settings, "identity", services_of(rooms), telemetry=telemetry, clock=clock)
        await stack.enter_async_context(at_work(rooms))
        await serve_as_member(server, settings, clock)


if __name__ == "__main__":
    run(main)
