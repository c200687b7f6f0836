"""Tables of social, the same in SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

# SQLite keeps a row under its INTEGER key directly, which saves an index; its integers have 64 bits anyway.
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

schema = sa.MetaData()

relations = sa.Table(
    "social_relations",
    schema,
    # One row for both sides.
    sa.Column("low_person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("high_person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # `State`, and 16 more when the lower person has blocked the higher one, 32 more the other way round.
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("asking_person_id", sa.BigInteger, nullable=False),
    sa.Column("both_asked", sa.Boolean, nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
    # A person's list is read from both columns: by the key where they are the lower one, and by this index.
    # Older databases have one more, social_relations_of_low, a quarter of the bytes, which may be dropped.
    sa.Index("social_relations_of_high", "high_person_id", "state", "low_person_id"),
    sqlite_with_rowid=False,
)

people = sa.Table(
    "social_people",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    # Counted along with every change, because limits are checked at every change.
    sa.Column("friends", sa.Integer, nullable=False),
    sa.Column("requests", sa.Integer, nullable=False),
)

blockers = sa.Table(
    "social_blockers",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    # Counted as above. Apart from `people`, because databases of the first release have that without it.
    sa.Column("blocked", sa.Integer, nullable=False),
)

events = sa.Table(
    "social_events",
    schema,
    sa.Column("seq", _Id, primary_key=True, autoincrement=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("trace_context", sa.String(64), nullable=False),
    sa.Column("low_person_id", sa.BigInteger, nullable=False),
    sa.Column("high_person_id", sa.BigInteger, nullable=False),
    # Who asked first, or who ended it.
    sa.Column("asking_person_id", sa.BigInteger, nullable=False),
)

endings = sa.Table(
    "social_endings",
    schema,
    # Which events are ends of friendships; any other one is a new friendship. Apart from `events`, as above.
    sa.Column("seq", _Id, primary_key=True, autoincrement=False),
    # `End`, or 0 for a friendship that was moved here from who turned out to be one of the two.
    sa.Column("reason", sa.SmallInteger, nullable=False),
)

told = sa.Table(
    "social_told_events",
    schema,
    # Events of other subjects than friendships: people in their row of `events` are 0, and all is said here.
    sa.Column("seq", _Id, primary_key=True, autoincrement=False),
    # The contract's `SocialEvent`.
    sa.Column("content", sa.LargeBinary, nullable=False),
)

feed_head = sa.Table(
    "social_feed_head",
    schema,
    # Always 0: there is one feed.
    sa.Column("feed", sa.SmallInteger, primary_key=True, autoincrement=False),
    # The newest event's number. Whoever adds an event holds this row until the commit: numbers become visible
    # in their order, and one that was taken and rolled back is taken again.
    sa.Column("seq", sa.BigInteger, nullable=False),
)

groups = sa.Table(
    "social_groups",
    schema,
    sa.Column("group_id", _Id, primary_key=True, autoincrement=False),
    # 0 when everybody has left.
    sa.Column("owner_person_id", sa.BigInteger, nullable=False),
    # Counted along with every change, because the limit is checked at every addition.
    sa.Column("member_count", sa.Integer, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    # Who created it with whom, to tell a repeated request from another one with the same request_id.
    sa.Column("creator_person_id", sa.BigInteger, nullable=False),
    sa.Column("members_digest", sa.LargeBinary(32), nullable=False),
)

members = sa.Table(
    "social_group_members",
    schema,
    sa.Column("group_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Index("social_group_members_of_person", "person_id", "group_id"),
    sqlite_with_rowid=False,
)

group_people = sa.Table(
    "social_group_people",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("groups", sa.Integer, nullable=False),
)
