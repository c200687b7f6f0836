"""What is sent along, as allocation and cards tell it: asked for seldom, and a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger
from services.mesh.remembered import Remembered
from services.social.domain.chat.attachments import Sight, State, Status, name_of
from services.social.domain.chat.errors import AttachmentUnchecked, AttachmentUnknown
from services.social.domain.chat.message import Attachment
from services.social.domain.relation import PersonId

_log = get_logger("social.chat")


class Asking(Protocol):
    """Tells what something is."""

    async def ask(self, attachment: Attachment, person: PersonId) -> Sight:
        """As the person may see it. Raises `AttachmentUnknown`, and other errors as they come."""
        ...


class Ending(Protocol):
    """Keeps how things ended."""

    async def find(self, attachment: Attachment) -> Status | None:
        """How it ended; None when it has not, as far as is known."""
        ...

    async def keep(self, attachment: Attachment, status: Status) -> None:
        """Keeps an end, unless one is kept."""
        ...


@dataclass(frozen=True, slots=True)
class AttachmentLimits:
    """How little the services that know of attachments are asked."""

    asks_max: int
    """Questions to them that are under way at once."""
    waiting_max: int
    """Questions that wait for their turn; for more, nobody knows."""
    wait_ms: int
    """Longest time that a reader waits for all answers together, milliseconds."""
    remember_ms: int
    """How long an answer is remembered, milliseconds."""
    remembered_max: int


class AskedAttachments:
    """`Attachments` over other services."""

    def __init__(self, questions: Asking, ends: Ending, clock: Clock, limits: AttachmentLimits) -> None:
        self._questions = questions
        self._ends = ends
        self._clock = clock
        self._wait_s = limits.wait_ms / 1000
        self._turns = asyncio.Semaphore(limits.asks_max)
        self._waiting_max = limits.waiting_max
        self._waiting = 0
        self._remembered: Remembered[Attachment, Status] = Remembered(
            clock, limits.remembered_max, limits.remember_ms / 1000
        )

    async def look(self, attachment: Attachment, person: PersonId) -> Sight:
        """See `Attachments.look`."""
        try:
            sight = await self._ask(attachment, person)
        except AttachmentUnknown:
            raise
        except ServiceError as failure:
            raise AttachmentUnchecked(name_of(attachment)) from failure
        if sight.status.state is State.UNKNOWN:
            raise AttachmentUnchecked(name_of(attachment))
        return sight

    async def statuses(self, asked: Mapping[Attachment, PersonId]) -> Mapping[Attachment, Status]:
        """See `Attachments.statuses`."""
        asking = {
            attachment: asyncio.ensure_future(
                self._remembered.get(attachment, partial(self._learn, attachment, person))
            )
            for attachment, person in asked.items()
        }
        try:
            await asyncio.wait(asking.values(), timeout=self._wait_s)
            return {
                attachment: answer.result() if answer.done() else self._unknown()
                for attachment, answer in asking.items()
            }
        finally:
            # Answers that come later are remembered for the next reader.
            for answer in asking.values():
                answer.cancel()

    async def _learn(self, attachment: Attachment, person: PersonId) -> Status:
        try:
            ended = await self._ends.find(attachment)
            if ended is not None:
                return ended
            status = await self._stands(attachment, person)
            if status.state.is_final:
                await self._ends.keep(attachment, status)
        except ServiceError as failure:
            _log.info("nobody says how it stands", attachment=name_of(attachment), reason=failure.reason)
            return self._unknown()
        return status

    async def _stands(self, attachment: Attachment, person: PersonId) -> Status:
        try:
            return (await self._ask(attachment, person)).status
        except AttachmentUnknown:
            # It was there when it was sent: by now its service has forgotten it.
            return Status(State.GONE, self._clock.now_ms())

    async def _ask(self, attachment: Attachment, person: PersonId) -> Sight:
        if self._waiting >= self._waiting_max:
            raise AttachmentUnchecked(name_of(attachment))
        self._waiting += 1
        try:
            async with self._turns:
                return await self._questions.ask(attachment, person)
        finally:
            self._waiting -= 1

    def _unknown(self) -> Status:
        return Status(State.UNKNOWN, self._clock.now_ms())


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
