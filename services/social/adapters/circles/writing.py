"""Writing a post or a comment, or removing it, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.social.adapters.circles.rows import SEEN, SEEN_TEXTS, THIS_TEXT, at, post_is_seen
from services.social.adapters.circles.tables import circles, texts, writers
from services.social.domain.circles.circle import (
    ContentState,
    Draft,
    Place,
    day_of,
    removed,
    unknown,
)
from services.social.domain.circles.errors import CircleUnknown, PostUnknown, TextLimitReached
from services.social.domain.errors import RequestIdReused
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class Sealed:
    """A draft as it is kept."""

    draft: Draft
    words: bytes
    digest: bytes


def write(connection: sa.Connection, sealed: Sealed, texts_per_day_max: int) -> Row:
    """Keeps a text, or finds that it is kept.

    Raises `RequestIdReused`, `CircleUnknown`, `PostUnknown` and `TextLimitReached`.
    """
    draft = sealed.draft
    wanted = {"text": draft.text_id, "reader": draft.author}
    row = FOUND.first(connection, wanted)
    if row is not None:
        if bytes(row.digest) != sealed.digest:
            raise RequestIdReused(draft.request_id)
        return row
    _count(connection, draft, texts_per_day_max)
    place = _next_place(connection, draft)
    _INSERT.run(
        connection,
        {
            "circle_id": place.circle_id,
            "post_id": place.post_id,
            "comment_id": place.comment_id,
            "text_id": draft.text_id,
            "digest": sealed.digest,
            "author_person_id": draft.author,
            "writer_person_id": draft.author,
            "words": sealed.words,
            "state": int(ContentState.VISIBLE),
            "written_ms": draft.written_ms,
            "like_count": 0,
            "comment_count": 0,
            "decision_words": None,
        },
    )
    return FOUND.first(connection, wanted)


def remove(connection: sa.Connection, place: Place, person: PersonId) -> Row:
    """Removes a person's own text, or finds that it is gone.

    Raises `PostUnknown`, `CommentUnknown` and `NotAuthor`.
    """
    row = _LOCK.first(connection, at(place))
    if row is None:
        raise unknown(place)
    author = PersonId(row.author_person_id)
    if person != author and not post_is_seen(connection, place, person):
        raise unknown(place)
    known = ContentState(row.state)
    after = removed(place, known, author, person)
    if after is not known:
        _REMOVE.run(connection, at(place) | {"now": int(after)})
    return SEEN.first(connection, at(place) | {"reader": person})


def _count(connection: sa.Connection, draft: Draft, texts_per_day_max: int) -> None:
    day = day_of(draft.written_ms)
    # Held from here on: what the person writes elsewhere at this moment is counted after it.
    total = _HELD.execute(connection, {"person_id": draft.author, "day": 0, "texts": 0})
    written = total.texts if total.day == day else 0
    if written >= texts_per_day_max:
        raise TextLimitReached(draft.author, texts_per_day_max)
    _COUNTED.run(connection, {"person": draft.author, "today": day, "count": written + 1})


def _next_place(connection: sa.Connection, draft: Draft) -> Place:
    if not draft.post_id:
        row = _NEXT_POST.first(connection, {"circle": draft.circle_id})
        if row is None:
            raise CircleUnknown(draft.circle_id)
        return Place(draft.circle_id, int(row.last_post_id))
    row = _NEXT_COMMENT.first(connection, {"circle": draft.circle_id, "post": draft.post_id})
    if row is None:
        raise PostUnknown(draft.circle_id, draft.post_id)
    return Place(draft.circle_id, draft.post_id, int(row.comment_count))


FOUND = Statement(SEEN_TEXTS.where(texts.c.text_id == bindparam("text")))
_INSERT = Statement(texts.insert())
_LOCK = Statement(sa.select(texts.c.state, texts.c.author_person_id).where(THIS_TEXT).with_for_update())
_REMOVE = Statement(texts.update().where(THIS_TEXT).values(state=bindparam("now")))
_HELD = InsertOrAdd(writers)
_COUNTED = Statement(
    writers.update()
    .where(writers.c.person_id == bindparam("person"))
    .values(day=bindparam("today"), texts=bindparam("count"))
)
_NEXT_POST = Statement(
    circles.update()
    .where(circles.c.circle_id == bindparam("circle"))
    .values(last_post_id=circles.c.last_post_id + 1)
    .returning(circles.c.last_post_id)
)
# Below what was taken down or removed nobody writes any more.
_NEXT_COMMENT = Statement(
    texts.update()
    .where(
        texts.c.circle_id == bindparam("circle"),
        texts.c.post_id == bindparam("post"),
        texts.c.comment_id == sa.literal_column("0"),
        texts.c.state == int(ContentState.VISIBLE),
    )
    .values(comment_count=texts.c.comment_count + 1)
    .returning(texts.c.comment_count)
)
