"""The real social service, on a SQLite file of the case's own.

Actions: `verify` and `erase` have identity tell that a person is verified, or erased. `packet`, `packet_ask`
and `card` say what there is to be sent along, `silence` that nobody tells of it any more. `score` sets
a credit score, which `silence_credit` keeps from being told. `purge` takes
messages away whose time is over, `watch_elsewhere` opens the only stream that there may be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hongbao.social.v1 import message_pb2, message_pb2_grpc
from services.mesh.database.database import Database
from services.mesh.room import at_work, services_of
from services.social.__main__ import wire
from services.social.adapters.chat.foundation import Chat, open_chat
from services.social.adapters.chat.news import forget_erased
from services.social.adapters.chat.purging import Purge
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.invitations.news import InvitationNews
from services.social.adapters.tables import schema
from services.social.domain.people import PersonErased, PersonEvent, PersonVerified
from services.social.domain.relation import PersonId
from services.social.rooms.messages import asked_attachments
from services.social.settings import SocialSettings
from tests.contract.bench import Bench, Provider
from tests.contract.cases.social.credit_scores import CreditScores
from tests.contract.cases.social.sent_along import SentAlong


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        SocialSettings,
        social_friends_max=2,
        social_requests_max=3,
        social_blocked_max=2,
        social_group_members_max=3,
        social_groups_max=2,
        social_group_invitations_max=1,
        social_invitation_campaigns_max=2,
        social_invited_max=2,
        social_circles_max=2,
        social_circle_texts_per_day_max=3,
        social_chat_streams_max=1,
        social_chat_purge_pause_s=366 * 86_400,
        social_keys_look_s=366 * 86_400,
        social_chat_status_remember_ms=0,
    )
    database, scores = await Database.open(settings, schema), CreditScores()
    sent_along = SentAlong()
    try:
        async with (
            open_chat(settings, bench.clock) as chat,
            at_work(
                rooms := wire(
                    settings,
                    database,
                    bench.clock,
                    chat=chat,
                    scores=scores,
                    attachments=asked_attachments(
                        settings, bench.clock, await sent_along.reached(bench), chat
                    ),
                )
            ),
        ):
            world = World(bench, database)
            address = await bench.serve("social", services_of(rooms), settings)
            yield Provider(
                address,
                actions={
                    "verify": world.verify,
                    "score": scores.set,
                    "silence_credit": scores.fall_silent,
                    "packet": sent_along.packet,
                    "packet_ask": sent_along.ask,
                    "card": sent_along.card,
                    "silence": sent_along.fall_silent,
                    "watch_elsewhere": lambda: world.watch(address),
                    "purge": lambda: world.purge(chat),
                    "erase": lambda person: world.erase(chat, person),
                },
            )
            world.close()
    finally:
        await database.close()


class World:
    """What a case can do to the service's surroundings."""

    def __init__(self, bench: Bench, database: Database) -> None:
        self._bench = bench
        self._database = database
        self._stream: Any = None
        self._hear = InvitationNews(SqlFriendshipFeed(database, bench.clock))

    async def verify(self, person: int) -> None:
        event = PersonEvent(1, self._bench.clock.now_ms(), "", PersonVerified(PersonId(person)))
        await self._database.write(lambda connection: self._hear(connection, event))

    async def watch(self, address: str) -> None:
        """Has somebody watch their messages: there is room for one."""
        stub = message_pb2_grpc.MessageServiceStub(self._bench.channels("gateway").channel(address))
        self._stream = stub.WatchInbox(message_pb2.WatchInboxRequest(person_id=999))
        await anext(aiter(self._stream))

    async def purge(self, chat: Chat) -> None:
        purge = Purge(
            chat.database, self._bench.clock, keep_ms=90 * 86_400_000, batch_messages=100, pause_s=1
        )
        await purge.all()

    async def erase(self, chat: Chat, person: int) -> None:
        event = PersonEvent(1, self._bench.clock.now_ms(), "", PersonErased(PersonId(person)))
        hear = forget_erased(chat.texts)
        after = await chat.database.write(lambda connection: hear(connection, event))
        assert after is not None
        after()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
