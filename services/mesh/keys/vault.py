"""What is kept of people, sealed: every record under a key of its own, found again by keyed hashes."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.mesh.database.database import DatabaseUnavailable
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.keys.masters import KEY_BYTES, NONCE_BYTES, KeysUnusable, MasterKey, MasterKeys
from services.mesh.keys.purposes import PurposeKeys
from services.mesh.keys.tables import KeyTables

_VERSION: Final = b"\x02"
"""First byte of what a record's key has sealed. What was sealed before there were such keys has any."""


@dataclass(frozen=True, slots=True)
class Record:
    """What has a data key of its own."""

    kind: int
    """From 1; what each number means is the service's to say."""
    record_id: int
    """64 bits, signed."""

    @classmethod
    def named(cls, kind: int, name: str) -> Record:
        """A record whose number is a text: 63 bits of its hash stand for it."""
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        return cls(kind, int.from_bytes(digest, "big") >> 1)


class RecordErased(ServiceError):
    """The record's key was erased: nothing of it can be read, nor written again."""

    kind = ErrorKind.PRECONDITION
    reason = "RECORD_ERASED"

    def __init__(self) -> None:
        super().__init__("the record was erased")


@dataclass(frozen=True, slots=True)
class RecordKey:
    """Seals and opens the fields of one record. Pure: it may be used anywhere."""

    record: Record
    _cipher: AESGCM | None = field(repr=False)
    """None when the record has no key."""
    _earlier: AESGCM = field(repr=False)
    """Opens what was sealed before records had keys of their own."""

    def seal(self, name: str, text: str) -> bytes:
        """Seals a text to a field of the record: moved to another field or record it does not open."""
        return self.seal_bytes(name, text.encode())

    def unseal(self, name: str, sealed: bytes) -> str:
        """The text; empty for what was erased. Raises as `unseal_bytes`."""
        return self.unseal_bytes(name, sealed).decode()

    def seal_bytes(self, name: str, content: bytes) -> bytes:
        """A version byte, a random nonce, and the ciphertext with its tag: 29 bytes more than the content."""
        assert self._cipher is not None, "who seals has found or made the key"  # noqa: S101 - an invariant
        nonce = os.urandom(NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, content, name.encode())

    def unseal_bytes(self, name: str, sealed: bytes) -> bytes:
        """The content; empty for what was erased.

        Raises `cryptography.exceptions.InvalidTag` when it was altered or moved, or when its key is gone.
        """
        if not sealed:
            return b""
        if self._cipher is not None and sealed[:1] == _VERSION:
            after_nonce = 1 + NONCE_BYTES
            try:
                return self._cipher.decrypt(sealed[1:after_nonce], sealed[after_nonce:], name.encode())
            except InvalidTag:
                # One in 256 of the earlier ones begins like this by chance.
                return self._unseal_earlier(name, sealed)
        return self._unseal_earlier(name, sealed)

    def _unseal_earlier(self, name: str, sealed: bytes) -> bytes:
        place = f"{name}/{self.record.record_id}".encode()
        return self._earlier.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)


class Vault:
    """Gives records their keys. What takes a connection belongs into a unit of the service's database."""

    def __init__(
        self,
        purposes: PurposeKeys,
        tables: KeyTables,
        masters: MasterKeys,
        read_masters: Callable[[], MasterKeys] | None = None,
    ) -> None:
        """`read_masters` reads again what is given to the process, when a key turns up that was not."""
        self._tables = tables
        self._masters = masters
        # Every key that was ever given: what it opens, opens on when it is taken out of the file too early.
        self._held = dict[int, MasterKey]((key.master_id, key) for key in masters.all)
        self._wrapping = masters.current
        self._read_masters = read_masters or (lambda: masters)
        self._earlier = AESGCM(purposes.derive("sealing"))
        self._fingerprint_key = purposes.derive("fingerprint")

    def key(self, connection: sa.Connection, record: Record) -> RecordKey:
        """The record's key to seal with, made if it has none. Raises `RecordErased`.

        Nobody can erase it until the transaction ends.
        """
        row = self._tables.find_for_sealing.first(connection, _place(record))
        if row is None:
            return self.new_key(connection, record)
        if row.wrapped is None:
            raise RecordErased
        return self.opened(record, row.master_id, row.wrapped)

    def new_key(self, connection: sa.Connection, record: Record) -> RecordKey:
        """As `key`, for a record that is new in this transaction: it saves a look."""
        raw = os.urandom(KEY_BYTES)
        insert_key(connection, self._tables, self._wrapping, record, raw)
        return RecordKey(record, AESGCM(raw), self._earlier)

    def renew(self, connection: sa.Connection, record: Record) -> RecordKey:
        """As `key`, but an erased record begins anew: what was sealed before opens nowhere still."""
        raw, master = os.urandom(KEY_BYTES), self._wrapping
        wrapped = master.wrap(raw, wrapping_place(self._tables.service, record))
        anew = {"new_master": master.master_id, "new_wrapped": wrapped}
        if self._tables.renew.first(connection, _place(record) | anew) is None:
            # There is no such record, or another replica was faster.
            return self.key(connection, record)
        return RecordKey(record, AESGCM(raw), self._earlier)

    def look(self, connection: sa.Connection, record: Record) -> RecordKey:
        """The record's key to open with. Without one it opens only what is older than such keys."""
        row = self._tables.find.first(connection, _place(record))
        return self.opened(record, *((None, None) if row is None else (row.master_id, row.wrapped)))

    def opened(self, record: Record, master_id: int | None, wrapped: bytes | None) -> RecordKey:
        """As `look`, for columns of `data_keys` that the caller has read along with others; null for none.

        Raises `DatabaseUnavailable` when this process was not given the master key.
        """
        if master_id is None or wrapped is None:
            return RecordKey(record, None, self._earlier)
        raw = self.unwrapped(record, master_id, wrapped)
        return RecordKey(record, AESGCM(raw), self._earlier)

    def unwrapped(self, record: Record, master_id: int, wrapped: bytes) -> bytes:
        """A data key itself. Raises as `opened`."""
        master = self._held.get(master_id) or self.given().find(master_id)
        if master is None:
            raise DatabaseUnavailable("a master key that is in use was not given to this process")
        return master.unwrap(wrapped, wrapping_place(self._tables.service, record))

    def refresh(self) -> MasterKeys:
        """Reads the master keys again; what they are now. Blocks for as long as a file takes.

        New keys are wrapped by another one only after `adopt`. Raises `KeysUnusable`, and keeps those it has.
        """
        self._masters = self._read_masters()
        # A new mapping, because threads look at it.
        self._held = {**self._held, **{key.master_id: key for key in self._masters.all}}
        return self._masters

    def given(self) -> MasterKeys:
        """As `refresh`, or those from before where what is there now is unusable."""
        with contextlib.suppress(KeysUnusable):
            self.refresh()
        return self._masters

    def adopt(self, master: MasterKey) -> None:
        """Wraps new keys by this one from now on: the database knows it."""
        self._wrapping = master

    def seal(self, connection: sa.Connection, record: Record, name: str, text: str) -> bytes:
        """Seals one field; for several take the `key` once. Raises `RecordErased`."""
        return self.key(connection, record).seal(name, text)

    def unseal(self, connection: sa.Connection, record: Record, name: str, sealed: bytes) -> str:
        """Opens one field; for several take `look` once. Raises as `RecordKey.unseal`."""
        return self.look(connection, record).unseal(name, sealed)

    def seal_bytes(self, connection: sa.Connection, record: Record, name: str, content: bytes) -> bytes:
        """As `seal`. What is big is better sealed beside the transaction, with its `key`."""
        return self.key(connection, record).seal_bytes(name, content)

    def unseal_bytes(self, connection: sa.Connection, record: Record, name: str, sealed: bytes) -> bytes:
        """As `unseal`."""
        return self.look(connection, record).unseal_bytes(name, sealed)

    def erase(self, connection: sa.Connection, record: Record) -> None:
        """Forgets the record's key for good: what it has sealed opens nowhere.

        Nothing is sealed again either, unless the record is begun anew by `renew`.

        What was sealed before there were such keys must be emptied by the caller, and should be in any case.
        """
        if self._tables.find.first(connection, _place(record)) is None:
            erased = {"kind": record.kind, "record_id": record.record_id, "master_id": None, "wrapped": None}
            self._tables.insert.run(connection, erased)
        else:
            self._tables.erase.run(connection, _place(record))

    def fingerprint(self, purpose: str, *parts: str) -> bytes:
        """32 bytes that are equal only for equal texts, and tell nothing to whoever lacks the key."""
        mac = hmac.new(self._fingerprint_key, purpose.encode(), hashlib.sha256)
        for part in parts:
            encoded = part.encode()
            # Lengths keep ("ab", "c") and ("a", "bc") apart.
            mac.update(len(encoded).to_bytes(4, "big") + encoded)
        return mac.digest()


def insert_key(
    connection: sa.Connection, tables: KeyTables, master: MasterKey, record: Record, raw: bytes
) -> None:
    """Keeps a record's key, wrapped by a master key that the database knows."""
    place = wrapping_place(tables.service, record)
    values = {
        "kind": record.kind,
        "record_id": record.record_id,
        "master_id": master.master_id,
        "wrapped": master.wrap(raw, place),
    }
    tables.insert.run(connection, values)


def wrapping_place(service: str, record: Record) -> bytes:
    """What a wrapped key is bound to: one that was moved to another record does not open."""
    return f"{service}/{record.kind}/{record.record_id}".encode()


def _place(record: Record) -> dict[str, Any]:
    return {"of_kind": record.kind, "of_id": record.record_id}
