"""What becomes of circles when people turn out to be others, or are erased."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Statement
from services.social.adapters.circles.tables import (
    aliases,
    circles,
    conduct,
    likes,
    reporters,
    reports,
    texts,
)
from services.social.adapters.people_news import AfterCommit
from services.social.domain.people import PersonErased, PersonEvent, PersonsMerged
from services.social.domain.relation import PersonId


def hear(connection: sa.Connection, event: PersonEvent) -> AfterCommit | None:
    """A `PeopleHandler`."""
    match event.news:
        case PersonsMerged(provisional, person):
            _merge(connection, provisional, person)
        case PersonErased(person):
            _erase(connection, person)
    return None


def _merge(connection: sa.Connection, provisional: PersonId, person: PersonId) -> None:
    both = {"person": provisional, "other": person}
    for move in _MOVES:
        move.run(connection, both)
    for row in _LIKES.rows(connection, {"person": provisional}):
        place = {"circle": row.circle_id, "post": row.post_id}
        # One person likes a post once.
        if _LIKED.first(connection, place | {"person": person}) is None:
            _MOVE_LIKE.run(connection, place | both)
        else:
            _UNLIKE.run(connection, place | {"person": provisional})
            _COUNT_DOWN.run(connection, place)
    # What was sealed under the earlier key goes when the person is erased.
    _INSERT_ALIAS.run(connection, {"provisional_person_id": provisional, "person_id": person})


def _erase(connection: sa.Connection, person: PersonId) -> None:
    _ERASE_NAMES.run(connection, {"person": person})
    _ERASE_WORDS.run(connection, {"person": person})
    earlier = [row.provisional_person_id for row in _ALIASES.rows(connection, {"person": person})]
    for writer in (person, *earlier):
        _ERASE_REPORTS.run(connection, {"person": writer})


_MOVES = tuple(
    Statement(
        table.update().where(table.c[column] == bindparam("person")).values({column: bindparam("other")})
    )
    for table, column in (
        (circles, "owner_person_id"),
        (texts, "author_person_id"),
        (reports, "author_person_id"),
        (conduct, "author_person_id"),
    )
)
_LIKES = Statement(sa.select(likes).where(likes.c.person_id == bindparam("person")))
_this_like = sa.and_(
    likes.c.circle_id == bindparam("circle"),
    likes.c.post_id == bindparam("post"),
    likes.c.person_id == bindparam("person"),
)
_LIKED = Statement(sa.select(likes.c.person_id).where(_this_like))
_MOVE_LIKE = Statement(likes.update().where(_this_like).values(person_id=bindparam("other")))
_UNLIKE = Statement(likes.delete().where(_this_like))
_COUNT_DOWN = Statement(
    texts.update()
    .where(
        texts.c.circle_id == bindparam("circle"),
        texts.c.post_id == bindparam("post"),
        texts.c.comment_id == sa.literal_column("0"),
    )
    .values(like_count=texts.c.like_count - 1)
)
_INSERT_ALIAS = Statement(aliases.insert())
_ALIASES = Statement(
    sa.select(aliases.c.provisional_person_id).where(aliases.c.person_id == bindparam("person"))
)
_ERASE_NAMES = Statement(
    circles.update().where(circles.c.owner_person_id == bindparam("person")).values(name=None)
)
_ERASE_WORDS = Statement(
    texts.update()
    .where(texts.c.author_person_id == bindparam("person"))
    .values(words=None, decision_words=None)
)
_ERASE_REPORTS = Statement(
    reporters.update().where(reporters.c.person_id == bindparam("person")).values(words=None)
)
