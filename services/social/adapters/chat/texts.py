"""What people write, sealed at rest: each person's words under a key of their own.

When the key is erased, all that the person has written is gone at once, wherever copies of it lie. Who comes
back later is the same person, and writes under another key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import partial

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from sqlalchemy import bindparam

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.mesh.keys.vault import Record, RecordErased, RecordKey, Vault
from services.social.adapters.chat.tables import erasures
from services.social.domain.relation import PersonId

_WRITER = 1
"""The kind of record that a person's words are."""
_QUIET_S_MIN = 60.0
"""Longer than any gateway believes a token of somebody who was erased, seconds."""


class Texts:
    """Seals and opens words. Keys are remembered for a while, so that most calls ask nobody."""

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, *, keys_max: int, remember_s: float
    ) -> None:
        """`keys_max` keys are remembered, for at most `remember_s` seconds each: so long may erasure take."""
        self._database = database
        self._vault = vault
        self._clock = clock
        # Nobody who has the earlier key in mind seals with it after that.
        self._quiet_ms = round(1000 * max(_QUIET_S_MIN, remember_s))
        self._sealing = _Remembered(clock, keys_max, remember_s)
        self._opening = _Remembered(clock, keys_max, remember_s)

    async def seal(self, person: PersonId, place: str, words: str) -> bytes:
        """Seals what a person writes to a place, such as `message/7`.

        Raises `RecordErased` for a while after the person was erased: until then it may be a token of before
        that writes, and later it is somebody who has come back.
        """
        key = self._sealing.get(person)
        if key is None:
            # Remembered only once it is durable: else what it seals might never open.
            key = await self._database.write(partial(self._writing_key, person))
            self._opening.drop(person)
            self._sealing.put(person, key)
        return key.seal(place, words)

    async def seal_about(self, person: PersonId, place: str, words: str) -> bytes:
        """As `seal`, for what others write about a person. Raises `RecordErased`: it brings nobody back."""
        return await self._database.write(
            partial(self._vault.seal, record=_record(person), name=place, text=words)
        )

    async def openers(self, people: Iterable[PersonId]) -> Mapping[PersonId, Opener]:
        """What opens the words of each."""
        wanted = frozenset(people)
        found = {person: self._opening.get(person) for person in wanted}
        missing = [person for person, key in found.items() if key is None]
        if missing:
            found.update(await self._database.read(partial(self._looked_up, missing)))
            for person in missing:
                key = found[person]
                assert key is not None, "whoever has none has one that opens nothing"  # noqa: S101 - an invariant
                self._opening.put(person, key)
        return {person: Opener(key) for person, key in found.items() if key is not None}

    def erase(self, connection: sa.Connection, person: PersonId) -> None:
        """Forgets a person's key for good, within the caller's transaction."""
        self._vault.erase(connection, _record(person))
        _FORGET_ERASURE.run(connection, {"person": person})
        _INSERT_ERASURE.run(connection, {"person_id": person, "erased_ms": self._clock.now_ms()})

    def forget(self, person: PersonId) -> None:
        """Has the person's key looked up again: it was erased."""
        self._sealing.drop(person)
        self._opening.drop(person)

    def fingerprint(self, *parts: str) -> bytes:
        """16 bytes that are equal for equal texts, and tell nothing to whoever lacks the key."""
        return self._vault.fingerprint("message", *parts)[:16]

    def _writing_key(self, person: PersonId, connection: sa.Connection) -> RecordKey:
        record = _record(person)
        try:
            return self._vault.key(connection, record)
        except RecordErased:
            row = _ERASURE.first(connection, {"person": person})
            if row is not None and self._clock.now_ms() < row.erased_ms + self._quiet_ms:
                raise
            return self._vault.renew(connection, record)

    def _looked_up(self, people: Iterable[PersonId], connection: sa.Connection) -> dict[PersonId, RecordKey]:
        return {person: self._vault.look(connection, _record(person)) for person in people}


class Opener:
    """Opens the words of one person."""

    def __init__(self, key: RecordKey) -> None:
        self._key = key

    def open(self, place: str, sealed: bytes) -> str | None:
        """The words; None when they were erased."""
        try:
            return self._key.unseal(place, sealed)
        except InvalidTag:
            return None


class _Remembered:
    """Keys by person, the latest ones, for a while."""

    def __init__(self, clock: Clock, keys_max: int, remember_s: float) -> None:
        self._clock = clock
        self._keys_max = keys_max
        self._remember_s = remember_s
        self._keys: OrderedDict[PersonId, tuple[RecordKey, float]] = OrderedDict()

    def get(self, person: PersonId) -> RecordKey | None:
        key, until_s = self._keys.get(person, (None, 0.0))
        return key if self._clock.monotonic_s() < until_s else None

    def put(self, person: PersonId, key: RecordKey) -> None:
        self._keys.pop(person, None)
        self._keys[person] = (key, self._clock.monotonic_s() + self._remember_s)
        if len(self._keys) > self._keys_max:
            self._keys.popitem(last=False)

    def drop(self, person: PersonId) -> None:
        self._keys.pop(person, None)


def _record(person: PersonId) -> Record:
    return Record(_WRITER, person)


_of_person = erasures.c.person_id == bindparam("person")
_ERASURE = Statement(sa.select(erasures.c.erased_ms).where(_of_person))
_FORGET_ERASURE = Statement(erasures.delete().where(_of_person))
_INSERT_ERASURE = Statement(erasures.insert())
