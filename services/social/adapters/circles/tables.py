"""Tables of circles, the same in SQLite and PostgreSQL. They lie beside those of messages."""

from __future__ import annotations

import sqlalchemy as sa

from services.social.adapters.chat.tables import schema

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DIGEST_BYTES = 16
_OPERATOR_LETTERS_MAX = 40

heads = sa.Table(
    "circle_heads",
    schema,
    # What is numbered: circles or reports.
    sa.Column("head", sa.SmallInteger, primary_key=True, autoincrement=False),
    # The last number. Whoever takes one holds this row until the commit.
    sa.Column("last_id", sa.BigInteger, nullable=False),
)

circles = sa.Table(
    "circles",
    schema,
    sa.Column("circle_id", _Id, primary_key=True, autoincrement=False),
    # A function of who created it and their request_id, and a keyed hash of what was asked for.
    sa.Column("text_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("digest", sa.LargeBinary(_DIGEST_BYTES), nullable=False),
    sa.Column("owner_person_id", sa.BigInteger, nullable=False, index=True),
    # Under whose key the name is sealed: the owner, or who turned out to be the owner.
    sa.Column("writer_person_id", sa.BigInteger, nullable=False),
    # Null when erased.
    sa.Column("name", sa.LargeBinary),
    sa.Column("post_score_min", sa.SmallInteger, nullable=False),
    sa.Column("comment_score_min", sa.SmallInteger, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    # The newest post.
    sa.Column("last_post_id", sa.BigInteger, nullable=False),
)

texts = sa.Table(
    "circle_texts",
    schema,
    sa.Column("circle_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("post_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # 0 for the post itself.
    sa.Column("comment_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # As above.
    sa.Column("text_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("digest", sa.LargeBinary(_DIGEST_BYTES), nullable=False),
    sa.Column("author_person_id", sa.BigInteger, nullable=False, index=True),
    # Under whose key the words are sealed: the author, or who turned out to be the author.
    sa.Column("writer_person_id", sa.BigInteger, nullable=False),
    # Null when erased.
    sa.Column("words", sa.LargeBinary),
    # `ContentState`.
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("written_ms", sa.BigInteger, nullable=False),
    # Of posts; changed along with likes and comments. The newest comment has this number.
    sa.Column("like_count", sa.BigInteger, nullable=False),
    sa.Column("comment_count", sa.BigInteger, nullable=False),
    # Of the operator who took it down, sealed under the writer's key.
    sa.Column("decision_words", sa.LargeBinary),
    sqlite_with_rowid=False,
)
_is_post = texts.c.comment_id == sa.literal_column("0")
sa.Index("circle_posts", texts.c.circle_id, texts.c.post_id, sqlite_where=_is_post, postgresql_where=_is_post)

likes = sa.Table(
    "circle_likes",
    schema,
    sa.Column("circle_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("post_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Index("circle_likes_of_person", "person_id"),
    sqlite_with_rowid=False,
)

creators = sa.Table(
    "circle_creators",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    # Circles that the person created. Whoever creates one holds this row until the commit.
    sa.Column("circles", sa.Integer, nullable=False),
)

writers = sa.Table(
    "circle_writers",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    # Posts and comments of one day of Beijing. Whoever writes holds this row until the commit.
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("texts", sa.Integer, nullable=False),
)

reports = sa.Table(
    "circle_reports",
    schema,
    sa.Column("report_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("circle_id", sa.BigInteger, nullable=False),
    sa.Column("post_id", sa.BigInteger, nullable=False),
    sa.Column("comment_id", sa.BigInteger, nullable=False),
    sa.Column("author_person_id", sa.BigInteger, nullable=False),
    # `ReportState`.
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("reporter_count", sa.Integer, nullable=False),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    # 0 while it is open.
    sa.Column("decided_ms", sa.BigInteger, nullable=False),
    sa.Index("circle_reports_of_text", "circle_id", "post_id", "comment_id", unique=True),
    sa.Index("circle_reports_by_state", "state", "report_id"),
    sa.Index("circle_reports_of_author", "author_person_id", "state", "report_id"),
)

dismissals = sa.Table(
    "circle_dismissals",
    schema,
    # What an operator said about a report that was dismissed, for other operators.
    sa.Column("report_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("words", sa.LargeBinary, nullable=False),
)

decisions = sa.Table(
    "circle_decisions",
    schema,
    # Who decided, and a keyed hash of the words: what was decided before names were kept has no row here.
    sa.Column("report_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("operator", sa.String(_OPERATOR_LETTERS_MAX), nullable=False),
    sa.Column("digest", sa.LargeBinary(_DIGEST_BYTES), nullable=False),
)

reporters = sa.Table(
    "circle_reporters",
    schema,
    sa.Column("report_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # `ReportReason`.
    sa.Column("reason", sa.SmallInteger, nullable=False),
    # Sealed under the reporter's key; null when there are none.
    sa.Column("words", sa.LargeBinary),
    sa.Column("reported_ms", sa.BigInteger, nullable=False),
    sa.Index("circle_reporters_person", "person_id"),
    sqlite_with_rowid=False,
)

conduct = sa.Table(
    "circle_conduct",
    schema,
    # What was taken down, until identity has been told.
    sa.Column("report_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("author_person_id", sa.BigInteger, nullable=False),
    sa.Column("is_comment", sa.Boolean, nullable=False),
    sa.Column("judged_ms", sa.BigInteger, nullable=False),
)

aliases = sa.Table(
    "circle_aliases",
    schema,
    # Who turned out to be whom: what was sealed under the first one's key goes when the second one is erased.
    sa.Column("provisional_person_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
)
