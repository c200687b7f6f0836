"""Timelines as they grow: whoever watches is woken, at once or, by replicas, through the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger
from services.mesh.wakeup import Wakeup
from services.social.adapters.chat.store import SqlChatStore
from services.social.domain.chat.errors import ChatOverloaded
from services.social.domain.chat.message import Timeline
from services.social.domain.chat.places import RETRY_DELAY_MS
from services.social.domain.relation import PersonId

_PEOPLE_PER_LOOK = 1_000
_PATIENCE_S = 3_600.0
"""Who watches is woken; only a bound on how long one waits for that."""

_log = get_logger("social.chat")


class _Watched:
    """A timeline that somebody here watches."""

    def __init__(self) -> None:
        self.watchers = 0
        self.newest = 0
        self.grew = Wakeup()


class Growth:
    """How far the timelines that are watched here are known to go."""

    def __init__(self) -> None:
        self.watched: dict[PersonId, _Watched] = {}

    def announce(self, newest: Mapping[PersonId, int]) -> None:
        """Wakes who watches one of these timelines: entries up to these are durable."""
        for person, inbox_seq in newest.items():
            watched = self.watched.get(person)
            if watched is not None and inbox_seq > watched.newest:
                watched.newest = inbox_seq
                watched.grew.call()


class SqlInboxes:
    """`Inboxes` over the store. What is yielded was read from the database, never passed on in memory."""

    def __init__(
        self, store: SqlChatStore, growth: Growth, clock: Clock, *, watchers_max: int, poll_ms: int
    ) -> None:
        self._store = store
        self._growth = growth
        self._clock = clock
        self._watchers_max = watchers_max
        self._watchers = 0
        self._poll_s = poll_ms / 1000
        self._anybody = asyncio.Event()

    async def watch(self, person: PersonId, after_inbox_seq: int, limit: int) -> AsyncGenerator[Timeline]:
        """See `Inboxes.watch`."""
        if self._watchers >= self._watchers_max:
            raise ChatOverloaded("social_chat_streams_max", wait_ms=0, retry_delay_ms=RETRY_DELAY_MS)
        watched = self._growth.watched.setdefault(person, _Watched())
        self._watchers += 1
        watched.watchers += 1
        self._anybody.set()
        try:
            stream = self._follow(watched, person, after_inbox_seq, limit)
            async with aclosing(stream):
                async for found in stream:
                    yield found
        finally:
            self._watchers -= 1
            watched.watchers -= 1
            if not watched.watchers:
                del self._growth.watched[person]
            if not self._watchers:
                self._anybody.clear()

    async def _follow(
        self, watched: _Watched, person: PersonId, after: int, limit: int
    ) -> AsyncGenerator[Timeline]:
        is_first = True
        while True:
            found = await self._store.timeline(person, after, limit)
            if found.entries or is_first:
                yield found
            is_first = False
            if found.entries:
                after = found.entries[-1].inbox_seq
            elif found.last_inbox_seq > after:
                # All that there was is kept no longer: the numbers go on after it.
                after = found.last_inbox_seq
            if found.last_inbox_seq <= after and watched.newest <= after:
                await watched.grew.wait(_PATIENCE_S, self._clock)

    async def run(self) -> None:
        """Looks, again and again, what replicas have added to the timelines that are watched here."""
        while True:
            await self._anybody.wait()
            await self._clock.sleep(self._poll_s)
            people = list(self._growth.watched)
            for start in range(0, len(people), _PEOPLE_PER_LOOK):
                try:
                    self._growth.announce(await self._store.heads(people[start : start + _PEOPLE_PER_LOOK]))
                except ServiceError as failure:
                    # The next look finds what this one missed.
                    _log.warning("looking for messages failed", reason=failure.reason)
