"""Replicas of chat on one database, whose commits can be made to fail."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from services.mesh.clock import Clock, SystemClock
from services.social.adapters.chat.attachments import AttachmentsOutOfReach
from services.social.adapters.chat.desk import DeskLimits
from services.social.adapters.chat.foundation import Chat, open_chat
from services.social.adapters.chat.inboxes import Growth, SqlInboxes
from services.social.adapters.chat.store import SqlChatStore
from services.social.domain.chat.message import Content, Conversation, Draft, Text
from services.social.domain.chat.messages import Messages
from services.social.domain.group import GroupId
from services.social.domain.ports import Standing
from services.social.domain.relation import PersonId
from services.social.settings import SocialSettings

GROUP = GroupId(9)
REQUESTS = [str(uuid.UUID(int=number, version=4)) for number in range(1, 9)]
LIMITS = DeskLimits(rows_max=10_000, wait_ms_max=60_000, batch_rows_max=1_000)


class Everybody:
    """`Acquaintances` where all people are friends, and groups are what a test says."""

    def __init__(self, groups: Mapping[GroupId, frozenset[PersonId]]) -> None:
        self.groups = dict(groups)
        self.strangers = frozenset[PersonId]()

    async def standing(self, one: PersonId, other: PersonId) -> Standing:
        return Standing(are_friends=not {one, other} & self.strangers, is_blocked=False)

    async def members(self, group_id: GroupId) -> frozenset[PersonId]:
        return self.groups.get(group_id, frozenset())


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of chat."""

    messages: Messages
    store: SqlChatStore
    inboxes: SqlInboxes
    chat: Chat
    people: Everybody

    @property
    def engine(self) -> sa.Engine:
        return self.chat.database._engine


@asynccontextmanager
async def replicas(
    url: str,
    keys: Path,
    count: int,
    *,
    groups: Mapping[GroupId, frozenset[PersonId]] | None = None,
    clock: Clock | None = None,
    limits: DeskLimits = LIMITS,
    watchers_max: int = 100,
    reads_max: int = 1_000,
) -> AsyncIterator[Sequence[Replica]]:
    clock = clock or SystemClock()
    settings = SocialSettings(database_url=url, social_key_file=str(keys), social_chat_reads_max=reads_max)
    people = Everybody(groups or {})
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            chat = await stack.enter_async_context(open_chat(settings, clock))
            growth = Growth()
            store = SqlChatStore(chat.database, chat.texts, clock, limits, growth.announce)
            inboxes = SqlInboxes(store, growth, clock, watchers_max=watchers_max, poll_ms=50)
            messages = Messages(store, inboxes, people, AttachmentsOutOfReach(clock))
            made.append(Replica(messages, store, inboxes, chat, people))
        yield made


def draft(sender: int, to: Conversation, content: Content | str, request_id: str) -> Draft:
    said = Text(content) if isinstance(content, str) else content
    return Draft(PersonId(sender), to, said, request_id)


def pair(one: int, other: int) -> Conversation:
    return Conversation.of_two(PersonId(one), PersonId(other))


async def listed(replica: Replica, person: int, place: Conversation) -> list[tuple[int, int, str | None]]:
    page = await replica.messages.list(PersonId(person), place, 0, 0, "", newest_first=False)
    return [
        (known.seq, known.sender, known.content.words if isinstance(known.content, Text) else None)
        for known in page.messages
    ]
