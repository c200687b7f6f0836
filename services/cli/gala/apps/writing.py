"""What people write to each other, and what they read."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from hongbao.gateway.v1 import message_pb2 as pb
from hongbao.gateway.v1 import message_pb2_grpc
from services.cli.gala.apps.calling import called, new_request_id
from services.cli.gala.people import Player
from services.cli.gala.timelines import Conversation, Entry, Said

_PAGE_ENTRIES = 500


class Writing:
    """Everybody's app, as far as messages go. Remembers what the mesh has accepted."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._messages = message_pb2_grpc.MessageServiceStub(channel)
        self.said: list[Said] = []
        """Everything, as the senders were answered."""

    async def tell(self, sender: Player, friend: Player, content: pb.Content) -> int:
        """Writes to a friend; the message's number."""
        peer = pb.Peer(person_id=friend.person_id)
        return await self._send(sender, peer, between(sender, friend), (sender, friend), content)

    async def tell_group(
        self, sender: Player, group_id: int, members: Sequence[Player], content: pb.Content
    ) -> int:
        """Writes to a group of these members, the sender among them; the message's number."""
        conversation = Conversation("group", group_id)
        return await self._send(sender, pb.Peer(group_id=group_id), conversation, members, content)

    async def _send(
        self,
        sender: Player,
        peer: pb.Peer,
        conversation: Conversation,
        receivers: Sequence[Player],
        content: pb.Content,
    ) -> int:
        request = pb.SendMessageRequest(request_id=new_request_id(), peer=peer, content=content)
        answer = await called(sender, self._messages.SendMessage, request)
        self.said.append(
            Said(
                conversation,
                answer.seq,
                sender.person_id,
                content.SerializeToString(deterministic=True),
                frozenset(receiver.person_id for receiver in receivers),
            )
        )
        return answer.seq

    async def timeline(self, player: Player, after: int = 0) -> list[pb.InboxEntry]:
        """All that the player has received and sent, in order."""
        request = pb.ReadInboxRequest(after_inbox_seq=after, entries_max=_PAGE_ENTRIES)
        entries: list[pb.InboxEntry] = []
        while True:
            page = await called(player, self._messages.ReadInbox, request)
            entries += page.entries
            if not page.entries:
                return entries
            request.after_inbox_seq = page.entries[-1].inbox_seq

    async def message(self, reader: Player, conversation: Conversation, seq: int) -> pb.Message:
        """One message of a conversation, as it is shown now."""
        if conversation.kind == "group":
            peer = pb.Peer(group_id=conversation.number)
        else:
            other = conversation.number + conversation.other - reader.person_id
            peer = pb.Peer(person_id=other)
        request = pb.ListMessagesRequest(
            peer=peer, order=pb.MESSAGE_ORDER_OLDEST_FIRST, beyond_seq=seq - 1, page_size=1
        )
        return (await called(reader, self._messages.ListMessages, request)).messages[0]

    async def watch(self, player: Player, after: int, count: int) -> list[pb.InboxEntry]:
        """The next entries after one, as they come; at least so many."""
        request = pb.WatchInboxRequest(after_inbox_seq=after)
        stream = self._messages.WatchInbox(request, metadata=player.credentials)
        entries: list[pb.InboxEntry] = []
        try:
            while len(entries) < count:
                answer = await stream.read()
                entries += answer.entries
        finally:
            stream.cancel()
        return entries

    async def mark_read(self, player: Player, friend: Player, seq: int) -> int:
        """Says that a conversation was read so far; how many messages are unread."""
        request = pb.MarkReadRequest(peer=pb.Peer(person_id=friend.person_id), up_to_seq=seq)
        return (await called(player, self._messages.MarkRead, request)).unread_count


def between(one: Player, other: Player) -> Conversation:
    """The conversation of two friends."""
    return _pair(one.person_id, other.person_id)


def as_read(reader: int, entries: Sequence[pb.InboxEntry]) -> list[Entry]:
    """A timeline in the form in which it is compared."""
    return [
        Entry(
            entry.inbox_seq,
            _conversation(reader, entry.message.peer),
            entry.message.seq,
            entry.message.sender_person_id,
            entry.message.content.SerializeToString(deterministic=True),
        )
        for entry in entries
    ]


def _conversation(reader: int, peer: pb.Peer) -> Conversation:
    if peer.HasField("group_id"):
        return Conversation("group", peer.group_id)
    return _pair(reader, peer.person_id)


def _pair(one: int, other: int) -> Conversation:
    return Conversation("friends", min(one, other), max(one, other))
