"""What identity's news of people does to messages."""

from __future__ import annotations

import sqlalchemy as sa

from services.social.adapters.chat.texts import Texts
from services.social.adapters.people_news import AfterCommit, PeopleHandler
from services.social.domain.people import PersonErased, PersonEvent


def forget_erased(texts: Texts) -> PeopleHandler:
    """Words of people who had their data erased open nowhere any more. That they wrote stays."""

    def handle(connection: sa.Connection, event: PersonEvent) -> AfterCommit | None:
        if not isinstance(event.news, PersonErased):
            return None
        person = event.news.person
        texts.erase(connection, person)
        return lambda: texts.forget(person)

    return handle
