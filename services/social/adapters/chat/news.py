"""What identity's news of people does to messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from services.mesh.clock import Clock
from services.social.adapters.chat.merging import earlier_of
from services.social.adapters.chat.moving import move
from services.social.adapters.chat.texts import Texts
from services.social.adapters.people_news import AfterCommit, PeopleHandler
from services.social.domain.people import PersonErased, PersonEvent, PersonsMerged
from services.social.domain.relation import PersonId


def forget_erased(texts: Texts) -> PeopleHandler:
    """Words of people who had their data erased open nowhere any more. That they wrote stays."""

    def handle(connection: sa.Connection, event: PersonEvent) -> AfterCommit | None:
        if not isinstance(event.news, PersonErased):
            return None
        person = event.news.person
        people = [person, *earlier_of(connection, person)]
        for writer in people:
            texts.erase(connection, writer)

        def forget() -> None:
            for writer in people:
                texts.forget(writer)

        return forget

    return handle


def move_merged(clock: Clock, announce: Callable[[Mapping[PersonId, int]], None]) -> PeopleHandler:
    """What a person who turned out to be another one has received and sent goes to that one."""

    def handle(connection: sa.Connection, event: PersonEvent) -> AfterCommit | None:
        if not isinstance(event.news, PersonsMerged):
            return None
        person = event.news.person
        last = move(connection, event.news.provisional, person, clock.now_ms())
        return lambda: announce({person: last})

    return handle
