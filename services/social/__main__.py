"""Starts the social service: `python -m services.social`."""

from __future__ import annotations

import contextlib
import os

from services.mesh.clock import Clock, SystemClock
from services.mesh.database.database import Database
from services.mesh.logs import start_logging
from services.mesh.member import serve_as_member
from services.mesh.reach import Reach, open_reach
from services.mesh.room import Room, at_work, services_of
from services.mesh.server import MeshServer, run
from services.mesh.settings import load
from services.mesh.telemetry import start_telemetry
from services.social.adapters.chat.foundation import Chat, open_chat
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.remarks import RemarkSeal
from services.social.adapters.tables import schema
from services.social.domain.chat.ports import Attachments
from services.social.domain.circles.ports import Scores
from services.social.rooms.circles import circles
from services.social.rooms.grounds import Grounds
from services.social.rooms.groups import groups
from services.social.rooms.invitations import invitations
from services.social.rooms.keys import keys
from services.social.rooms.messages import messages
from services.social.rooms.people import people
from services.social.rooms.relations import relations
from services.social.rooms.suggestions import suggestions
from services.social.settings import SocialSettings


def wire(
    settings: SocialSettings,
    database: Database,
    clock: Clock,
    reach: Reach | None = None,
    chat: Chat | None = None,
    scores: Scores | None = None,
    attachments: Attachments | None = None,
) -> tuple[Room, ...]:
    """The service's rooms on a database; messages, circles and their keys only with one of their own.

    `scores` and `attachments` take the place of other services' in tests.
    """
    # Without chat's keys, which only tests do, nothing but this process reads what it has sealed.
    seal = RemarkSeal(os.urandom(32) if chat is None else chat.purposes.derive("remarks"))
    on = Grounds(settings, database, clock, reach, SqlFriendshipFeed(database, clock), seal)
    # People last: by then every other room has said what it wants to hear of them.
    talk = (
        () if chat is None else (messages(on, chat, attachments), circles(on, chat, scores), keys(on, chat))
    )
    return (relations(on), groups(on), suggestions(on), invitations(on), *talk, people(on))


async def main() -> None:
    """Runs until a signal, then leaves the directory, drains and stops."""
    settings, clock = load(SocialSettings), SystemClock()
    start_logging(settings, "social")
    async with contextlib.AsyncExitStack() as stack:
        telemetry = start_telemetry(settings, "social")
        stack.callback(telemetry.shutdown)
        database = await Database.open(settings, schema)
        stack.push_async_callback(database.close)
        reach = await stack.enter_async_context(
            open_reach(settings, clock, members=("identity",), owners=("allocation", "cards"))
        )
        chat = await stack.enter_async_context(open_chat(settings, clock))
        rooms = wire(settings, database, clock, reach, chat)
        server = MeshServer(settings, "social", services_of(rooms), telemetry=telemetry, clock=clock)
        await stack.enter_async_context(at_work(rooms))
        await serve_as_member(server, settings, clock)


if __name__ == "__main__":
    run(main)
