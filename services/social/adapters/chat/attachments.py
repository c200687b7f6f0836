"""What is sent along, as allocation and cards tell it."""

from __future__ import annotations

from collections.abc import Mapping

from services.mesh.clock import Clock
from services.social.domain.chat.attachments import Sight, State, Status, name_of
from services.social.domain.chat.errors import AttachmentUnchecked
from services.social.domain.chat.message import Attachment
from services.social.domain.relation import PersonId


class AttachmentsOutOfReach:
    """`Attachments` where there are no other services: nothing can be sent along."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def look(self, attachment: Attachment, _person: PersonId) -> Sight:
        """See `Attachments.look`."""
        raise AttachmentUnchecked(name_of(attachment))

    async def statuses(self, asked: Mapping[Attachment, PersonId]) -> Mapping[Attachment, Status]:
        """See `Attachments.statuses`."""
        return {attachment: Status(State.UNKNOWN, self._clock.now_ms()) for attachment in asked}
