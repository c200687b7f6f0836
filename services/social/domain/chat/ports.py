"""What messages need of the world."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.social.domain.chat.attachments import Sight, Status
from services.social.domain.chat.message import (
    Attachment,
    Conversation,
    Draft,
    Kept,
    Message,
    Position,
    Thread,
    Timeline,
)
from services.social.domain.group import GroupId
from services.social.domain.ports import Standing
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class Threads:
    """Some of a person's conversations, the newest first."""

    threads: Sequence[Thread]
    unread_total: int
    """Unread messages over all conversations of the person."""


class ChatStore(Protocol):
    """Keeps messages and timelines. What is written is durable on return."""

    def check_room(self) -> None:
        """Raises `ChatOverloaded` when what comes now would not be kept in time."""
        ...

    async def keep(self, draft: Draft, receivers: Collection[PersonId]) -> Kept:
        """Numbers a message and puts it into the timelines of all receivers, in one transaction.

        A draft that was kept before is not kept again. Raises `RequestIdReused` when that one said something
        else, and `ChatOverloaded` when it cannot be kept in time: then nothing was.
        """
        ...

    async def find(self, draft: Draft) -> Kept | None:
        """What the draft was kept as before. Raises `RequestIdReused`."""
        ...

    async def mark(self, person: PersonId, conversation: Conversation, up_to_seq: int) -> Position:
        """Moves the person's position forward, never back. Raises `MessageUnknown` and `ChatOverloaded`."""
        ...

    async def timeline(self, person: PersonId, after_inbox_seq: int, limit: int) -> Timeline:
        """At most `limit` entries after the cursor. Raises `InboxCursorAhead` and `InboxPurged`."""
        ...

    async def messages(
        self, person: PersonId, conversation: Conversation, beyond_seq: int, limit: int, *, newest_first: bool
    ) -> Sequence[Message]:
        """At most `limit` messages of a conversation in the person's timeline, beyond a number or 0."""
        ...

    async def threads(self, person: PersonId, before_inbox_seq: int, limit: int) -> Threads:
        """At most `limit` conversations whose last entry is before a number, the newest first; 0 for all."""
        ...


class Inboxes(Protocol):
    """Timelines as they grow."""

    def watch(self, person: PersonId, after_inbox_seq: int, limit: int) -> AsyncGenerator[Timeline]:
        """Yields what there is after the cursor, at once, and then what comes, without end.

        Raises `InboxCursorAhead`, `InboxPurged`, and `ChatOverloaded` when too many watch.
        """
        ...


class Acquaintances(Protocol):
    """Who may write to whom. What it says may be some seconds old."""

    async def standing(self, one: PersonId, other: PersonId) -> Standing:
        """What there is between two people."""
        ...

    async def members(self, group_id: GroupId) -> frozenset[PersonId]:
        """Everybody in a group; nobody in one that does not exist."""
        ...


class Attachments(Protocol):
    """What is sent along, as its own service tells it. Never holds up those services."""

    async def look(self, attachment: Attachment, person: PersonId) -> Sight:
        """What it is, for who wants to send it. Raises `AttachmentUnknown` and `AttachmentUnchecked`."""
        ...

    async def statuses(self, asked: Mapping[Attachment, PersonId]) -> Mapping[Attachment, Status]:
        """Where each stands, as far as who sent it may see. Says UNKNOWN rather than wait for long."""
        ...
