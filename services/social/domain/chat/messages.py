"""Sending, reading and listing messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from services.social.domain import pages
from services.social.domain.chat import attachments as along
from services.social.domain.chat.errors import MessageNotPossible, RecipientNotFriend
from services.social.domain.chat.message import (
    Attachment,
    Conversation,
    Draft,
    Kept,
    Message,
    Position,
    Text,
    Thread,
    Timeline,
)
from services.social.domain.chat.ports import Acquaintances, Attachments, ChatStore, Inboxes
from services.social.domain.errors import NotGroupMember, SocialError
from services.social.domain.relation import PersonId

ENTRIES_DEFAULT = 100
PAGE_MESSAGES_DEFAULT = 50

Statuses = Mapping[Attachment, along.Status]


@dataclass(frozen=True, slots=True)
class Shown:
    """Some of a timeline, and how what was sent along stands."""

    timeline: Timeline
    statuses: Statuses


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages of a conversation."""

    messages: Sequence[Message]
    next_page_token: str
    """Empty after the last page."""
    statuses: Statuses


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """Some conversations of a person."""

    threads: Sequence[Thread]
    next_page_token: str
    """Empty after the last page."""
    unread_total: int
    statuses: Statuses


class Messages:
    """What people do with messages."""

    def __init__(
        self, store: ChatStore, inboxes: Inboxes, acquaintances: Acquaintances, attachments: Attachments
    ) -> None:
        self._store = store
        self._inboxes = inboxes
        self._acquaintances = acquaintances
        self._attachments = attachments

    async def send(self, draft: Draft) -> Kept:
        """Sends a message; durable on return.

        Raises `RequestIdReused`, `RecipientNotFriend`, `MessageNotPossible`, `NotGroupMember`, what is wrong
        with what is sent along, and `ChatOverloaded`.
        """
        self._store.check_room()
        try:
            receivers = await self._receivers(draft)
            if not isinstance(draft.content, Text):
                asking = along.asked_as(draft.content, draft.sender, draft.conversation)
                sight = await self._attachments.look(draft.content, asking)
                along.check(sight, draft.content, draft.sender, draft.conversation)
        except SocialError:
            # A repeat of what was sent is answered alike, whatever has become of the friendship since.
            kept = await self._store.find(draft)
            if kept is None:
                raise
            return kept
        return await self._store.keep(draft, receivers)

    async def _receivers(self, draft: Draft) -> frozenset[PersonId]:
        sender, group_id = draft.sender, draft.conversation.group_id
        if group_id is not None:
            members = await self._acquaintances.members(group_id)
            if sender not in members:
                raise NotGroupMember(group_id, sender)
            return members
        other = draft.conversation.other_than(sender)
        if other == sender:
            raise RecipientNotFriend(sender, other)
        standing = await self._acquaintances.standing(sender, other)
        if standing.is_blocked:
            raise MessageNotPossible(sender, other)
        if not standing.are_friends:
            raise RecipientNotFriend(sender, other)
        return frozenset((sender, other))

    async def read(self, person: PersonId, after_inbox_seq: int, entries_max: int) -> Shown:
        """Some of a timeline; 0 entries means the default. Raises `InboxCursorAhead` and `InboxPurged`."""
        found = await self._store.timeline(person, after_inbox_seq, entries_max or ENTRIES_DEFAULT)
        return await self._shown(found)

    async def watch(self, person: PersonId, after_inbox_seq: int, entries_max: int) -> AsyncGenerator[Shown]:
        """A timeline and its future, as `Inboxes.watch`."""
        stream = self._inboxes.watch(person, after_inbox_seq, entries_max or ENTRIES_DEFAULT)
        async with aclosing(stream):
            async for found in stream:
                yield await self._shown(found)

    async def list(
        self,
        person: PersonId,
        conversation: Conversation,
        beyond_seq: int,
        page_size: int,
        page_token: str,
        *,
        newest_first: bool,
    ) -> MessagePage:
        """A page of a conversation; a size of 0 means the default. Raises `PageTokenInvalid`."""
        size = page_size or PAGE_MESSAGES_DEFAULT
        listing = f"messages/{conversation.low}/{conversation.high}/{newest_first}"
        after = pages.last_of(page_token, listing, person) if page_token else beyond_seq
        # One more than asked for tells whether there is another page.
        found = await self._store.messages(person, conversation, after, size + 1, newest_first=newest_first)
        shown = found[:size]
        token = "" if len(found) <= size else pages.token(listing, person, shown[-1].seq)
        return MessagePage(shown, token, await self._statuses(shown))

    async def conversations(self, person: PersonId, page_size: int, page_token: str) -> ThreadPage:
        """A page of a person's conversations; a size of 0 means the default. Raises `PageTokenInvalid`."""
        size = page_size or PAGE_MESSAGES_DEFAULT
        before = pages.last_of(page_token, "conversations", person)
        found = await self._store.threads(person, before, size + 1)
        shown = found.threads[:size]
        is_last = len(found.threads) <= size
        token = "" if is_last else pages.token("conversations", person, shown[-1].last_inbox_seq)
        statuses = await self._statuses(thread.last_message for thread in shown)
        return ThreadPage(shown, token, found.unread_total, statuses)

    async def mark(self, person: PersonId, conversation: Conversation, up_to_seq: int) -> Position:
        """Says up to where a person has read. Raises `MessageUnknown` and `ChatOverloaded`."""
        return await self._store.mark(person, conversation, up_to_seq)

    async def _shown(self, found: Timeline) -> Shown:
        return Shown(found, await self._statuses(entry.message for entry in found.entries))

    async def _statuses(self, messages: Iterable[Message]) -> Statuses:
        asked = {
            message.content: along.asked_as(message.content, message.sender, message.conversation)
            for message in messages
            if message.content is not None and not isinstance(message.content, Text)
        }
        return await self._attachments.statuses(asked) if asked else {}
