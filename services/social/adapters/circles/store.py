"""Circles and what is written there, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.social.adapters.chat.texts import Texts
from services.social.adapters.circles import rows
from services.social.adapters.circles.tables import circles, creators, likes, texts
from services.social.adapters.circles.writing import FOUND, Sealed, remove, write
from services.social.domain.circles.circle import (
    Circle,
    CircleId,
    Content,
    ContentState,
    Draft,
    NewCircle,
    Place,
)
from services.social.domain.circles.errors import CircleLimitReached, CircleUnknown, PostUnknown
from services.social.domain.circles.ports import CircleLimits
from services.social.domain.errors import RequestIdReused
from services.social.domain.relation import PersonId

_NEWEST = 2**63 - 1


class SqlCircleStore:
    """`CircleStore` over the database of messages, with their keys."""

    def __init__(self, database: Database, keys: Texts) -> None:
        self._database = database
        self._keys = keys

    async def create(self, new: NewCircle, limits: CircleLimits) -> Circle:
        """See `CircleStore.create`. Raises `RecordErased` soon after the person was erased."""
        digest = self._keys.fingerprint(
            "circle", new.name, str(new.post_score_min), str(new.comment_score_min)
        )
        name = await self._keys.seal(new.owner, rows.name_place(new.text_id), new.name)

        def unit(connection: sa.Connection) -> Row:
            row = _BY_TEXT.first(connection, {"text": new.text_id})
            if row is not None:
                if bytes(row.digest) != digest:
                    raise RequestIdReused(new.request_id)
                return row
            total = _CREATED.execute(connection, {"person_id": new.owner, "circles": 1})
            if total.circles > limits.circles_max:
                raise CircleLimitReached(new.owner, limits.circles_max)
            _INSERT.run(
                connection,
                {
                    "circle_id": rows.next_id(connection, rows.CIRCLES),
                    "text_id": new.text_id,
                    "digest": digest,
                    "owner_person_id": new.owner,
                    "writer_person_id": new.owner,
                    "name": name,
                    "post_score_min": new.post_score_min,
                    "comment_score_min": new.comment_score_min,
                    "created_ms": new.created_ms,
                    "last_post_id": 0,
                },
            )
            return _BY_TEXT.first(connection, {"text": new.text_id})

        (made,) = await rows.circles_of(self._keys, [await self._database.write(unit)])
        return made

    async def circle(self, circle_id: CircleId) -> Circle:
        """See `CircleStore.circle`."""
        row = await self._database.read(lambda connection: _circle_row(connection, circle_id))
        (found,) = await rows.circles_of(self._keys, [row])
        return found

    async def circles(self, before: int, limit: int) -> Sequence[Circle]:
        """See `CircleStore.circles`."""
        wanted = {"before": before or _NEWEST, "limit": limit}
        found = await self._database.read(lambda connection: _CIRCLES.rows(connection, wanted))
        return await rows.circles_of(self._keys, found)

    async def written(self, draft: Draft) -> Content | None:
        """See `CircleStore.written`."""
        digest = self._digest(draft)
        wanted = {"text": draft.text_id, "reader": draft.author}
        row = await self._database.read(lambda connection: FOUND.first(connection, wanted))
        if row is None:
            return None
        if bytes(row.digest) != digest:
            raise RequestIdReused(draft.request_id)
        return await self._content(row)

    async def write(self, draft: Draft, limits: CircleLimits) -> Content:
        """See `CircleStore.write`. Raises `RecordErased` soon after the person was erased."""
        words = await self._keys.seal(draft.author, rows.words_place(draft.text_id), draft.words)
        sealed = Sealed(draft, words, self._digest(draft))
        row = await self._database.write(
            lambda connection: write(connection, sealed, limits.texts_per_day_max)
        )
        return await self._content(row)

    async def content(self, place: Place, reader: PersonId) -> Content:
        """See `CircleStore.content`."""
        return await self._content(
            await self._database.read(lambda connection: _seen_row(connection, place, reader))
        )

    async def posts(
        self, circle_id: CircleId, reader: PersonId, before: int, limit: int
    ) -> Sequence[Content]:
        """See `CircleStore.posts`."""
        wanted = {"circle": circle_id, "reader": reader, "before": before or _NEWEST, "limit": limit}

        def unit(connection: sa.Connection) -> Sequence[Row]:
            _circle_row(connection, circle_id)
            return _POSTS.rows(connection, wanted)

        return await rows.contents_of(self._keys, await self._database.read(unit))

    async def comments(
        self, circle_id: CircleId, post_id: int, reader: PersonId, before: int, limit: int
    ) -> Sequence[Content]:
        """See `CircleStore.comments`."""
        wanted = {"circle": circle_id, "post": post_id, "reader": reader}
        wanted |= {"before": before or _NEWEST, "limit": limit}

        def unit(connection: sa.Connection) -> Sequence[Row]:
            _seen_row(connection, Place(circle_id, post_id), reader)
            return _COMMENTS.rows(connection, wanted)

        return await rows.contents_of(self._keys, await self._database.read(unit))

    async def remove(self, place: Place, person: PersonId) -> Content:
        """See `CircleStore.remove`."""
        return await self._content(
            await self._database.write(lambda connection: remove(connection, place, person))
        )

    async def like(self, place: Place, person: PersonId, *, likes: bool) -> int:
        """See `CircleStore.like`."""

        def unit(connection: sa.Connection) -> int:
            key = {"circle": place.circle_id, "post": place.post_id}
            # The post's row is held, so that the count is that of the likes.
            row = _LOCK.first(connection, key | {"comment": 0})
            if row is None or row.state != ContentState.VISIBLE:
                raise PostUnknown(place.circle_id, place.post_id)
            liked = _LIKED.first(connection, key | {"person": person}) is not None
            if likes == liked:
                return int(row.like_count)
            (_LIKE if likes else _UNLIKE).run(connection, key | {"person": person})
            return int(_COUNT.first(connection, key | {"more": 1 if likes else -1}).like_count)  # type: ignore[union-attr]  # the row is held

        return await self._database.write(unit)

    async def _content(self, row: Row) -> Content:
        (content,) = await rows.contents_of(self._keys, [row])
        return content

    def _digest(self, draft: Draft) -> bytes:
        return self._keys.fingerprint("circle-text", str(draft.circle_id), str(draft.post_id), draft.words)


def _circle_row(connection: sa.Connection, circle_id: CircleId) -> Row:
    row = _CIRCLE.first(connection, {"circle": circle_id})
    if row is None:
        raise CircleUnknown(circle_id)
    return row


def _seen_row(connection: sa.Connection, place: Place, reader: PersonId) -> Row:
    row = rows.SEEN.first(connection, rows.at(place) | {"reader": reader})
    if row is None:
        raise PostUnknown(place.circle_id, place.post_id)
    return row


_CREATED = InsertOrAdd(creators)
_INSERT = Statement(circles.insert())
_BY_TEXT = Statement(sa.select(circles).where(circles.c.text_id == bindparam("text")))
_CIRCLE = Statement(sa.select(circles).where(circles.c.circle_id == bindparam("circle")))
_CIRCLES = Statement(
    sa.select(circles)
    .where(circles.c.circle_id < bindparam("before"))
    .order_by(circles.c.circle_id.desc())
    .limit(bindparam("limit"))
)
_POSTS = Statement(
    rows.SEEN_TEXTS.where(
        texts.c.circle_id == bindparam("circle"),
        texts.c.comment_id == sa.literal_column("0"),
        texts.c.post_id < bindparam("before"),
        rows.IS_SEEN,
    )
    .order_by(texts.c.post_id.desc())
    .limit(bindparam("limit"))
)
_COMMENTS = Statement(
    rows.SEEN_TEXTS.where(
        texts.c.circle_id == bindparam("circle"),
        texts.c.post_id == bindparam("post"),
        texts.c.comment_id > 0,
        texts.c.comment_id < bindparam("before"),
        rows.IS_SEEN,
    )
    .order_by(texts.c.comment_id.desc())
    .limit(bindparam("limit"))
)
_LOCK = Statement(sa.select(texts.c.state, texts.c.like_count).where(rows.THIS_TEXT).with_for_update())
_this_like = sa.and_(
    likes.c.circle_id == bindparam("circle"),
    likes.c.post_id == bindparam("post"),
    likes.c.person_id == bindparam("person"),
)
_LIKED = Statement(sa.select(likes.c.person_id).where(_this_like))
_LIKE = Statement(
    likes.insert().values(
        circle_id=bindparam("circle"), post_id=bindparam("post"), person_id=bindparam("person")
    )
)
_UNLIKE = Statement(likes.delete().where(_this_like))
_COUNT = Statement(
    texts.update()
    .where(
        texts.c.circle_id == bindparam("circle"),
        texts.c.post_id == bindparam("post"),
        texts.c.comment_id == sa.literal_column("0"),
    )
    .values(like_count=texts.c.like_count + bindparam("more"))
    .returning(texts.c.like_count)
)
