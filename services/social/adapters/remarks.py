"""What people call their friends: sealed, kept for as long as the friendship, and gone with it."""

from __future__ import annotations

import os
from collections.abc import Mapping

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam

from services.mesh.database.statement import Statement
from services.mesh.logs import get_logger
from services.social.adapters.tables import schema
from services.social.domain.relation import Pair, PersonId

_NONCE_BYTES = 12
_log = get_logger("social.remarks")

remarks = sa.Table(
    "social_remarks",
    schema,
    # Who calls the other one so, and alone sees it.
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("friend_person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    # For what others have called somebody who is erased, or turns out to be another person.
    sa.Index("social_remarks_on", "friend_person_id", "person_id"),
    sqlite_with_rowid=False,
)


class RemarkSeal:
    """Seals remarks under one key, each to its place: moved to another pair it does not open."""

    def __init__(self, key: bytes) -> None:
        """Takes a key of 32 bytes that serves nothing else."""
        self._cipher = AESGCM(key)

    def seal(self, person: PersonId, friend: PersonId, words: str) -> bytes:
        """A random nonce, and the ciphertext with its tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, words.encode(), _place(person, friend))

    def unseal(self, person: PersonId, friend: PersonId, sealed: bytes) -> str:
        """The words; empty when they were altered or moved, or sealed under another key."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, _place(person, friend)).decode()
        except InvalidTag:
            # A list of friends is worth more than a name in it.
            _log.error("remark_does_not_open")
            return ""


def put_remark(connection: sa.Connection, person: PersonId, friend: PersonId, sealed: bytes | None) -> None:
    """Keeps a remark in the place of the one before; None keeps none."""
    _DELETE.run(connection, {"person": person, "friend": friend})
    if sealed is not None:
        _INSERT.run(connection, {"person_id": person, "friend_person_id": friend, "sealed": sealed})


def remarks_between(
    connection: sa.Connection, person: PersonId, first: PersonId, last: PersonId
) -> Mapping[PersonId, bytes]:
    """What a person calls friends whose numbers lie between two, both included; sealed."""
    rows = _BETWEEN.rows(connection, {"person": person, "first": first, "last": last})
    return {PersonId(row.friend_person_id): bytes(row.sealed) for row in rows}


def forget_remarks(connection: sa.Connection, pair: Pair) -> None:
    """Two are friends no longer: neither calls the other anything."""
    _DELETE.run(connection, {"person": pair.low, "friend": pair.high})
    _DELETE.run(connection, {"person": pair.high, "friend": pair.low})


def erase_remarks(connection: sa.Connection, person: PersonId) -> None:
    """Takes away what a person calls others, and what they call the person."""
    _DELETE_OF.run(connection, {"person": person})
    _DELETE_ON.run(connection, {"person": person})


def move_remarks(
    connection: sa.Connection, seal: RemarkSeal, friend: PersonId, before: PersonId, after: PersonId
) -> None:
    """What two call each other goes on under one's other number, unless there is a remark in its place."""
    for old, new in (
        ((before, friend), (after, friend)),
        ((friend, before), (friend, after)),
    ):
        moved = _ONE.first(connection, {"person": old[0], "friend": old[1]})
        if moved is None:
            continue
        _DELETE.run(connection, {"person": old[0], "friend": old[1]})
        words = seal.unseal(*old, bytes(moved.sealed))
        if words and _ONE.first(connection, {"person": new[0], "friend": new[1]}) is None:
            sealed = seal.seal(*new, words)
            _INSERT.run(connection, {"person_id": new[0], "friend_person_id": new[1], "sealed": sealed})


def _place(person: PersonId, friend: PersonId) -> bytes:
    return f"remark/{person}/{friend}".encode()


_of_person = remarks.c.person_id == bindparam("person")
_this_one = sa.and_(_of_person, remarks.c.friend_person_id == bindparam("friend"))
_ONE = Statement(sa.select(remarks.c.sealed).where(_this_one))
_INSERT = Statement(remarks.insert())
_DELETE = Statement(remarks.delete().where(_this_one))
_DELETE_OF = Statement(remarks.delete().where(_of_person))
_DELETE_ON = Statement(remarks.delete().where(remarks.c.friend_person_id == bindparam("person")))
_BETWEEN = Statement(
    sa.select(remarks.c.friend_person_id, remarks.c.sealed).where(
        _of_person, remarks.c.friend_person_id.between(bindparam("first"), bindparam("last"))
    )
)
