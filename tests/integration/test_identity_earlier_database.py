"""Identity on a database from before records had keys of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.keys import KeyRing, open_identity_vault
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.resealing import Resealing
from services.identity.adapters.tables import accounts, data_keys_of_identity, people, schema
from services.identity.domain.names import PersonName
from services.identity.domain.people import Account, AccountId, Person, PersonId, StoredSecret, Tier
from services.identity.domain.resident_id import ResidentId
from services.identity.settings import IdentitySettings
from services.mesh.clock import SystemClock
from services.mesh.database.database import Database
from services.mesh.keys.masters import KeysUnusable, MasterKeys
from services.mesh.keys.rotation import Rotation
from services.mesh.keys.vault import Vault

OLD, NEW = "00" * 32, "ff" * 32
NUMBER = "11010519491231002X"
KEYS = KeyRing(bytes.fromhex(OLD))


def sealed(text: str, place: str) -> bytes:
    nonce = place.encode().ljust(12)[:12]
    return nonce + AESGCM(KEYS.derive("sealing")).encrypt(nonce, text.encode(), place.encode())


def make(folder: Path) -> None:
    """What the first release left behind: one verified account, and none of the tables of keys."""
    engine = sa.create_engine(f"sqlite:///{folder}/identity.sqlite3")
    schema.create_all(engine, tables=[people, accounts])
    earlier = Vault(KEYS, data_keys_of_identity, MasterKeys.from_hex([OLD]))
    with engine.begin() as connection:
        connection.execute(
            people.insert().values(
                person_id=5,
                resident_fingerprint=earlier.fingerprint("resident-id", NUMBER),
                resident_id_sealed=sealed(NUMBER, "resident_id/5"),
                name_sealed=sealed("王芳", "name/5"),
                tier=1,
            )
        )
        connection.execute(
            accounts.insert().values(
                account_id=7,
                request_digest=b"a" * 32,
                input_fingerprint=b"b" * 32,
                phone_sealed=sealed("13800138000", "phone/7"),
                display_name_sealed=sealed("小明", "display_name/7"),
                secret_salt=b"salt",
                secret_digest=b"digest",
                secret_was_used=True,
                registered_ms=1,
                person_id=5,
                verified_ms=2,
            )
        )
    engine.dispose()


@asynccontextmanager
async def opened(folder: Path, *keys: str) -> AsyncIterator[tuple[Database, Vault, SqlAccountStore, bytes]]:
    settings = IdentitySettings(
        database_url=f"sqlite:{folder}",
        identity_key=next(iter(keys), None),
        identity_other_keys=list(keys[1:]),
    )
    database = await Database.open(settings, schema)
    try:
        vault, derived = open_identity_vault(database, settings, 9)
        store = SqlAccountStore(database, vault, SqlPersonFeed(database, SystemClock()))
        yield database, vault, store, derived.derive("login-secret")
    finally:
        await database.close()


async def test_an_earlier_database_opens_is_rotated_and_its_values_go_under_keys_of_their_own(
    tmp_path: Path,
) -> None:
    make(tmp_path)
    expected = Account(
        AccountId(7),
        "13800138000",
        "小明",
        StoredSecret(b"salt", b"digest"),
        1,
        secret_was_used=True,
        person=Person(PersonId(5), PersonName("王芳"), ResidentId(NUMBER), Tier.I),
        verified_ms=2,
    )
    with pytest.raises(KeysUnusable):
        async with opened(tmp_path, NEW):
            pass
    # A key file that is missing is not made anew either.
    with pytest.raises(KeysUnusable, match="no key file"):
        async with opened(tmp_path):
            pass
    assert not (tmp_path / "identity.key").exists()
    # The start may come together with a rotation: the key that opens the database is found among those given.
    async with opened(tmp_path, NEW, OLD) as (database, vault, store, login_key):
        assert login_key == KEYS.derive("login-secret")
        assert await store.find(AccountId(7)) == expected
        rotation = Rotation(database, data_keys_of_identity, vault, batch_keys=10)
        while await rotation.step(9):
            pass
        resealing = Resealing(database, vault, batch_rows=1)
        # One account and one person, a row at a time; then there is nothing more to do, ever.
        assert [await resealing.step() for _ in range(4)] == [1, 1, 0, 0]
        assert await store.find(AccountId(7)) == expected
    async with opened(tmp_path, NEW) as (database, vault, store, login_key):
        assert login_key == KEYS.derive("login-secret")
        assert await store.find(AccountId(7)) == expected
        other = Account(AccountId(8), "13800138001", "明", StoredSecret(b"s", b"d"), 9)
        await store.register(other, "another")
        # The resident ID is still the same person's.
        same = Person(PersonId(6), PersonName("王芳"), ResidentId(NUMBER), Tier.I)
        found = await store.tie(AccountId(8), same, 9)
        assert found.person.person_id == 5
    # Nothing is left that the root secret alone would open.
    assert [row for row in await asyncio.to_thread(values, tmp_path) if row[:1] != b"\x02"] == []


def values(folder: Path) -> list[bytes]:
    engine = sa.create_engine(f"sqlite:///{folder}/identity.sqlite3")
    columns = (accounts.c.phone_sealed, accounts.c.display_name_sealed, people.c.name_sealed)
    with engine.begin() as connection:
        found = [value for column in columns for value in connection.scalars(sa.select(column))]
    engine.dispose()
    return found
