"""The real social service, on a SQLite file of the case's own.

Actions: `verify` has identity tell that a person is verified.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.mesh.database.database import Database
from services.mesh.room import at_work, services_of
from services.social.__main__ import wire
from services.social.adapters.chat.foundation import open_chat
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.invitations.news import InvitationNews
from services.social.adapters.tables import schema
from services.social.domain.people import PersonEvent, PersonVerified
from services.social.domain.relation import PersonId
from services.social.settings import SocialSettings
from tests.contract.bench import Bench, Provider


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        SocialSettings,
        social_friends_max=2,
        social_requests_max=3,
        social_blocked_max=2,
        social_group_members_max=3,
        social_groups_max=2,
        social_invitation_campaigns_max=2,
        social_invited_max=2,
    )
    database = await Database.open(settings, schema)
    try:
        async with (
            open_chat(settings, bench.clock) as chat,
            at_work(rooms := wire(settings, database, bench.clock, chat=chat)),
        ):
            world = World(bench, database)
            address = await bench.serve("social", services_of(rooms), settings)
            yield Provider(address, actions={"verify": world.verify})
    finally:
        await database.close()


class World:
    """What a case can do to the service's surroundings."""

    def __init__(self, bench: Bench, database: Database) -> None:
        self._bench = bench
        self._database = database
        self._hear = InvitationNews(SqlFriendshipFeed(database, bench.clock))

    async def verify(self, person: int) -> None:
        event = PersonEvent(1, self._bench.clock.now_ms(), "", PersonVerified(PersonId(person)))
        await self._database.write(lambda connection: self._hear(connection, event))
