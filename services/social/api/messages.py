"""The contract of messages in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from hongbao.social.v1 import message_pb2
from hongbao.social.v1.message_pb2_grpc import MessageServiceServicer
from services.mesh.timestamps import timestamp
from services.social.domain.chat.attachments import Status
from services.social.domain.chat.message import (
    CardAsk,
    Content,
    Conversation,
    Draft,
    Gift,
    Message,
    Packet,
    PacketAsk,
    Text,
    Thread,
)
from services.social.domain.chat.messages import Messages, Shown, Statuses
from services.social.domain.chat.places import Places
from services.social.domain.group import GroupId
from services.social.domain.relation import PersonId


class MessageApi(MessageServiceServicer):
    """Serves `hongbao.social.v1.MessageService`."""

    def __init__(self, messages: Messages, places: Places) -> None:
        self._messages = messages
        self._places = places

    async def SendMessage(
        self, request: message_pb2.SendMessageRequest, _context: Any
    ) -> message_pb2.SendMessageResponse:
        """See the contract."""
        sender = PersonId(request.sender_person_id)
        draft = Draft(
            sender=sender,
            conversation=_conversation(sender, request.peer),
            content=_content(request.content),
            request_id=request.request_id,
        )
        with self._places.entered():
            kept = await self._messages.send(draft)
        return message_pb2.SendMessageResponse(seq=kept.seq, sent_at=timestamp(kept.sent_ms))

    async def ReadInbox(
        self, request: message_pb2.ReadInboxRequest, _context: Any
    ) -> message_pb2.ReadInboxResponse:
        """See the contract."""
        person = PersonId(request.person_id)
        with self._places.entered():
            shown = await self._messages.read(person, request.after_inbox_seq, request.entries_max)
        return message_pb2.ReadInboxResponse(
            entries=_entries(shown, person), last_inbox_seq=shown.timeline.last_inbox_seq
        )

    async def WatchInbox(
        self, request: message_pb2.WatchInboxRequest, _context: Any
    ) -> AsyncIterator[message_pb2.WatchInboxResponse]:
        """See the contract."""
        person = PersonId(request.person_id)
        stream = self._messages.watch(person, request.after_inbox_seq, request.entries_max)
        # Closed at once when the caller goes: their place is somebody else's then.
        async with aclosing(stream):
            async for shown in stream:
                yield message_pb2.WatchInboxResponse(
                    entries=_entries(shown, person), last_inbox_seq=shown.timeline.last_inbox_seq
                )

    async def ListMessages(
        self, request: message_pb2.ListMessagesRequest, _context: Any
    ) -> message_pb2.ListMessagesResponse:
        """See the contract."""
        person = PersonId(request.person_id)
        with self._places.entered():
            page = await self._messages.list(
                person,
                _conversation(person, request.peer),
                request.beyond_seq,
                request.page_size,
                request.page_token,
                newest_first=request.order != message_pb2.MESSAGE_ORDER_OLDEST_FIRST,
            )
        return message_pb2.ListMessagesResponse(
            messages=[_message(message, person, page.statuses) for message in page.messages],
            next_page_token=page.next_page_token,
        )

    async def ListConversations(
        self, request: message_pb2.ListConversationsRequest, _context: Any
    ) -> message_pb2.ListConversationsResponse:
        """See the contract."""
        person = PersonId(request.person_id)
        with self._places.entered():
            page = await self._messages.conversations(person, request.page_size, request.page_token)
        return message_pb2.ListConversationsResponse(
            conversations=[_thread(thread, person, page.statuses) for thread in page.threads],
            next_page_token=page.next_page_token,
            unread_total=page.unread_total,
        )

    async def MarkRead(
        self, request: message_pb2.MarkReadRequest, _context: Any
    ) -> message_pb2.MarkReadResponse:
        """See the contract."""
        person = PersonId(request.person_id)
        place = _conversation(person, request.peer)
        with self._places.entered():
            position = await self._messages.mark(person, place, request.up_to_seq)
        return message_pb2.MarkReadResponse(read_seq=position.read_seq, unread_count=position.unread)


def _conversation(person: PersonId, peer: message_pb2.Peer) -> Conversation:
    if peer.WhichOneof("peer") == "group_id":
        return Conversation.of_group(GroupId(peer.group_id))
    return Conversation.of_two(person, PersonId(peer.person_id))


def _peer(conversation: Conversation, person: PersonId) -> message_pb2.Peer:
    if conversation.group_id is not None:
        return message_pb2.Peer(group_id=conversation.group_id)
    return message_pb2.Peer(person_id=conversation.other_than(person))


def _content(content: message_pb2.Content) -> Content:
    which = content.WhichOneof("content")
    if which == "packet":
        return Packet(content.packet.envelope_id)
    if which == "card":
        return Gift(content.card.campaign_id, content.card.exchange_id)
    if which == "ask" and content.ask.WhichOneof("ask") == "ask_id":
        return PacketAsk(content.ask.ask_id)
    if which == "ask":
        return CardAsk(content.ask.card.campaign_id, content.ask.card.exchange_id)
    return Text(content.text)


def _told(content: Content) -> message_pb2.Content:
    if isinstance(content, Text):
        return message_pb2.Content(text=content.words)
    if isinstance(content, Packet):
        packet = message_pb2.PacketAttachment(envelope_id=content.envelope_id)
        return message_pb2.Content(packet=packet)
    if isinstance(content, PacketAsk):
        return message_pb2.Content(ask=message_pb2.AskAttachment(ask_id=content.ask_id))
    card = message_pb2.CardAttachment(campaign_id=content.campaign_id, exchange_id=content.exchange_id)
    if isinstance(content, CardAsk):
        return message_pb2.Content(ask=message_pb2.AskAttachment(card=card))
    return message_pb2.Content(card=card)


def _entries(shown: Shown, person: PersonId) -> list[message_pb2.InboxEntry]:
    return [
        message_pb2.InboxEntry(
            inbox_seq=entry.inbox_seq, message=_message(entry.message, person, shown.statuses)
        )
        for entry in shown.timeline.entries
    ]


def _message(message: Message, person: PersonId, statuses: Statuses) -> message_pb2.Message:
    content = message.content
    told = message_pb2.Message(
        peer=_peer(message.conversation, person),
        seq=message.seq,
        sender_person_id=message.sender,
        sent_at=timestamp(message.sent_ms),
        content=None if content is None else _told(content),
        is_erased=content is None,
    )
    if content is not None and not isinstance(content, Text):
        told.attachment.CopyFrom(_status(statuses[content]))
    return told


def _status(status: Status) -> message_pb2.AttachmentStatus:
    claims = [
        message_pb2.AttachmentClaim(person_id=claim.person, amount_fen=claim.amount_fen)
        for claim in status.claims
    ]
    return message_pb2.AttachmentStatus(
        state=message_pb2.AttachmentState.ValueType(status.state),
        learned_at=timestamp(status.learned_ms),
        claims=claims,
        shares_claimed=status.shares_claimed,
        share_count=status.share_count,
        claimed_fen=status.claimed_fen,
        amount_fen=status.amount_fen,
        envelope_id=status.envelope_id,
    )


def _thread(thread: Thread, person: PersonId, statuses: Statuses) -> message_pb2.Conversation:
    return message_pb2.Conversation(
        peer=_peer(thread.last_message.conversation, person),
        last_message=_message(thread.last_message, person, statuses),
        unread_count=thread.unread,
        read_seq=thread.read_seq,
    )
