"""What guests write to each other: to friends, in between everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hongbao.gateway.v1 import message_pb2, message_pb2_grpc
from services.cli.gala.apps.writing import as_read
from services.cli.gala.timelines import Conversation, Said, timeline_difference
from services.mesh.errors import ServiceError
from tests.simulation.guests import Guest, World

WRITING_S_MIN, WRITING_S_MAX = 0.5, 6.0
GIVE_UP = frozenset({"RECIPIENT_NOT_FRIEND", "MESSAGE_NOT_POSSIBLE"})
"""Friends may part at any moment."""


class Writer:
    """A guest, as far as they write to others who were known from the beginning."""

    def __init__(self, guest: Guest, known: Sequence[Guest], world: World) -> None:
        self._guest = guest
        self._known = known
        self._world = world

    async def act(self) -> None:
        """Writes to a friend."""
        friends = [friend for friend in self._guest.friends if friend in self._known]
        if not friends:
            return
        other = self._guest.draw.choice(friends).person_id
        text = f"No. {len(self._world.told.said)} of the evening"
        request = message_pb2.SendMessageRequest(
            request_id=self._guest.request_id(),
            peer=message_pb2.Peer(person_id=other),
            content=message_pb2.Content(text=text),
        )
        try:
            answer = await self._guest.call(_messages(self._world).SendMessage, request)
        except ServiceError as error:
            if error.reason not in GIVE_UP:
                raise
            self._world.told.outcomes[error.reason] += 1
            return
        me = self._guest.person_id
        conversation = Conversation("friends", min(me, other), max(me, other))
        content = request.content.SerializeToString(deterministic=True)
        self._world.told.said.append(Said(conversation, answer.seq, me, content, frozenset({me, other})))


async def check_messages(guests: Sequence[Guest], world: World) -> None:
    """Everything that somebody was told is kept is in both timelines, once and in order, and nothing else."""
    for guest in guests:
        entries = await _timeline(guest, world)
        difference = timeline_difference(guest.person_id, world.told.said, as_read(guest.person_id, entries))
        assert not difference, f"the timeline of {guest.person_id} differs in {difference} messages"


async def _timeline(guest: Guest, world: World) -> list[message_pb2.InboxEntry]:
    request = message_pb2.ReadInboxRequest(entries_max=7)
    entries: list[message_pb2.InboxEntry] = []
    while True:
        page = await guest.call(_messages(world).ReadInbox, request)
        entries += page.entries
        if not page.entries:
            return entries
        request.after_inbox_seq = page.entries[-1].inbox_seq


def _messages(world: World) -> Any:
    return message_pb2_grpc.MessageServiceStub(world.channel())
