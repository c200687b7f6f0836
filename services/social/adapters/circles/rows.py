"""Rows of circles and texts, and how their words are sealed and opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.mesh.keys.vault import RecordErased
from services.social.adapters.chat.texts import Opener, Texts
from services.social.adapters.circles.tables import heads, likes, texts
from services.social.domain.circles.circle import Circle, CircleId, Content, ContentState, Place
from services.social.domain.relation import PersonId

CIRCLES, REPORTS = 0, 1
"""What is numbered in `circle_heads`."""


def next_id(connection: sa.Connection, head: int) -> int:
    """The next number; held until the commit."""
    return int(_NEXT.execute(connection, {"head": head, "last_id": 1}).last_id)


def name_place(text_id: int) -> str:
    """Where a circle's name is sealed to."""
    return f"circle/{text_id}"


def words_place(text_id: int) -> str:
    """Where a post's or comment's words are sealed to."""
    return f"circle-text/{text_id}"


def decision_place(text_id: int) -> str:
    """Where the words of who took a text down are sealed to."""
    return f"circle-decision/{text_id}"


async def sealed_about(keys: Texts, person: int, place: str, words: str) -> bytes | None:
    """What others write about a person, under that one's key; None for who was erased."""
    try:
        return await keys.seal_about(PersonId(person), place, words)
    except RecordErased:
        return None


async def openers(keys: Texts, rows: Iterable[Row]) -> Mapping[PersonId, Opener]:
    """What opens the words of all these rows."""
    return await keys.openers({PersonId(row.writer_person_id) for row in rows})


def opened(found: Mapping[PersonId, Opener], writer: int, place: str, words: Any) -> str | None:
    """Words; None when they were erased."""
    return None if words is None else found[PersonId(writer)].open(place, bytes(words)) or None


async def circles_of(keys: Texts, rows: Sequence[Row]) -> list[Circle]:
    """Circles as the rules have them."""
    found = await openers(keys, rows)
    return [
        Circle(
            circle_id=CircleId(row.circle_id),
            name=opened(found, row.writer_person_id, name_place(row.text_id), row.name) or "",
            owner=PersonId(row.owner_person_id),
            post_score_min=row.post_score_min,
            comment_score_min=row.comment_score_min,
            created_ms=row.created_ms,
        )
        for row in rows
    ]


async def contents_of(keys: Texts, rows: Sequence[Row]) -> list[Content]:
    """Texts as their reader sees them; rows have a column `liker_id`."""
    found = await openers(keys, rows)
    return [_content(found, row) for row in rows]


def _content(found: Mapping[PersonId, Opener], row: Row) -> Content:
    writer = row.writer_person_id
    words = opened(found, writer, words_place(row.text_id), row.words)
    decision = opened(found, writer, decision_place(row.text_id), row.decision_words)
    return Content(
        place=Place(CircleId(row.circle_id), row.post_id, row.comment_id),
        author=PersonId(row.author_person_id),
        words=words or "",
        state=ContentState.ERASED if words is None else ContentState(row.state),
        written_ms=row.written_ms,
        like_count=row.like_count,
        comment_count=row.comment_count,
        is_liked=row.liker_id is not None,
        decision_words=decision or "",
    )


def at(place: Place) -> dict[str, int]:
    """Parameters of a place."""
    return {"circle": place.circle_id, "post": place.post_id, "comment": place.comment_id}


def post_is_seen(connection: sa.Connection, place: Place, reader: PersonId) -> bool:
    """Whether the post of a place is there for a reader: what is below it is not when it is not."""
    post = at(Place(place.circle_id, place.post_id))
    return _POST_SEEN.first(connection, post | {"reader": reader}) is not None


THIS_TEXT = sa.and_(
    texts.c.circle_id == bindparam("circle"),
    texts.c.post_id == bindparam("post"),
    texts.c.comment_id == bindparam("comment"),
)
IS_SEEN = sa.or_(texts.c.state == int(ContentState.VISIBLE), texts.c.author_person_id == bindparam("reader"))
"""What was taken down or removed is there for its author alone."""
SEEN_TEXTS = sa.select(texts, likes.c.person_id.label("liker_id")).outerjoin(
    likes,
    sa.and_(
        likes.c.circle_id == texts.c.circle_id,
        likes.c.post_id == texts.c.post_id,
        texts.c.comment_id == 0,
        likes.c.person_id == bindparam("reader"),
    ),
)
SEEN = Statement(SEEN_TEXTS.where(THIS_TEXT, IS_SEEN))
_POST_SEEN = Statement(sa.select(texts.c.post_id).where(THIS_TEXT, IS_SEEN))
_NEXT = InsertOrAdd(heads)
