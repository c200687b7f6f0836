"""Tables of messages, the same in SQLite and PostgreSQL. They lie apart from those of relations."""

from __future__ import annotations

import sqlalchemy as sa

from services.mesh.keys.tables import key_tables
from services.social.adapters.people_tables import people_cursors

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

schema = sa.MetaData()

# Where news of people is followed with a cursor of its own.
people_cursors.to_metadata(schema)

# Words are sealed under a key of whoever wrote them.
keys = key_tables(schema, "chat")


def _conversation() -> tuple[sa.Column[int], sa.Column[int]]:
    # The two people in order; for a group 0 and its id.
    return (
        sa.Column("low_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("high_id", sa.BigInteger, primary_key=True, autoincrement=False),
    )


conversations = sa.Table(
    "chat_conversations",
    schema,
    *_conversation(),
    # The newest message. Whoever adds one holds this row until the commit: numbers have no gaps.
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("last_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

messages = sa.Table(
    "chat_messages",
    schema,
    *_conversation(),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    # A function of sender and request_id.
    sa.Column("message_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("sender_person_id", sa.BigInteger, nullable=False),
    # Under whose key words are sealed: the sender, by the number that they had then.
    sa.Column("writer_person_id", sa.BigInteger, nullable=False),
    sa.Column("sent_ms", sa.BigInteger, nullable=False),
    # When it came to stand under this number: never falls within a conversation. So long it is kept from.
    sa.Column("kept_ms", sa.BigInteger, nullable=False, index=True),
    # What `body` is: sealed words, or the name of what was sent along.
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    # Tells a repeat from another message with the same request_id; a keyed hash.
    sa.Column("digest", sa.LargeBinary(16), nullable=False),
    sqlite_with_rowid=False,
)

people = sa.Table(
    "chat_people",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    # The newest entry of the person's timeline; held as above.
    sa.Column("inbox_seq", sa.BigInteger, nullable=False),
)

inbox = sa.Table(
    "chat_inbox",
    schema,
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("inbox_seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("low_id", sa.BigInteger, nullable=False),
    sa.Column("high_id", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    # How many messages of others the person had got in the conversation by then, this one included.
    sa.Column("position", sa.BigInteger, nullable=False),
    # Nobody gets a message twice, and a person's conversation is read in its order.
    sa.Index("chat_inbox_of_conversation", "person_id", "low_id", "high_id", "seq", unique=True),
    sqlite_with_rowid=False,
)

threads = sa.Table(
    "chat_threads",
    schema,
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    *_conversation(),
    # How many messages of others the person has got in the conversation.
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("last_inbox_seq", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index(
    "chat_threads_of_group",
    threads.c.high_id,
    threads.c.person_id,
    sqlite_where=threads.c.low_id == sa.literal_column("0"),
    postgresql_where=threads.c.low_id == sa.literal_column("0"),
)

reads = sa.Table(
    "chat_reads",
    schema,
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    *_conversation(),
    # The last message read, and its `position`. Apart from `threads`: who reads never waits for who sends.
    sa.Column("read_seq", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

erasures = sa.Table(
    "chat_erasures",
    schema,
    # When chat heard that what the person wrote is to go; milliseconds since the Unix epoch.
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("erased_ms", sa.BigInteger, nullable=False),
)

merges = sa.Table(
    "chat_merges",
    schema,
    # Who turned out to be whom: nothing is put into the timeline of the first any more.
    sa.Column("provisional_person_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
)

purges = sa.Table(
    "chat_purges",
    schema,
    sa.Column("person_id", _Id, primary_key=True, autoincrement=False),
    # The last entry of the person's timeline that is gone.
    sa.Column("inbox_seq", sa.BigInteger, nullable=False),
)

attachments = sa.Table(
    "chat_attachments",
    schema,
    # The name of what was sent along, as in `chat_messages.body`, with its kind before it.
    sa.Column("name", sa.String(140), primary_key=True),
    # How it ended, as JSON. Only ends are kept: they stay.
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("learned_ms", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
