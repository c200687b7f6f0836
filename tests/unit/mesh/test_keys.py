"""Master keys in files, and what a record's key opens."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.mesh.keys.masters import KeyFileMissing, KeysUnusable, MasterKeys, make_file, rotate_file
from services.mesh.keys.purposes import PurposeKeys
from services.mesh.keys.rotation import register
from services.mesh.keys.tables import key_tables
from services.mesh.keys.vault import Record, RecordErased, Vault

SCHEMA = sa.MetaData()
TABLES = key_tables(SCHEMA, "test")
ROOT = PurposeKeys(bytes(32), "test")
MASTERS = MasterKeys.of([bytes(32)])
ONE, OTHER = Record(1, 7), Record(1, 8)


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://", connect_args={"check_same_thread": False})
    SCHEMA.create_all(engine)
    with engine.begin() as connection:
        register(connection, TABLES, MASTERS, 1)
        yield connection
    engine.dispose()


@pytest.fixture
def vault() -> Vault:
    return Vault(ROOT, TABLES, MASTERS)


def made(path: Path) -> MasterKeys:
    make_file(path)
    return MasterKeys.from_file(path)


def test_a_key_file_is_made_for_the_owner_only_and_once(tmp_path: Path) -> None:
    path = tmp_path / "made" / "service.key"
    make_file(path)
    first = MasterKeys.from_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["service.key"]
    # Whoever comes later takes the one that is there.
    make_file(path)
    assert MasterKeys.from_file(path) == first
    assert [file.name for file in path.parent.iterdir()] == ["service.key"]


def test_a_file_that_is_not_there_is_neither_read_nor_rotated_nor_made(tmp_path: Path) -> None:
    path = tmp_path / "service.key"
    for look in (MasterKeys.from_file, rotate_file):
        with pytest.raises(KeyFileMissing, match=str(path)):
            look(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "mode"),
    [("00" * 32, 0o644), ("zz" * 32, 0o600), ("00" * 31, 0o600), ("", 0o600), ("00" * 32 + "\n00", 0o600)],
)
def test_a_key_file_that_is_open_to_others_or_holds_no_keys_is_refused(
    tmp_path: Path, content: str, mode: int
) -> None:
    path = tmp_path / "service.key"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(KeysUnusable):
        MasterKeys.from_file(path)


def test_rotating_a_file_puts_a_new_key_before_those_it_had(tmp_path: Path) -> None:
    path = tmp_path / "service.key"
    before = made(path)
    new = rotate_file(path)
    after = MasterKeys.from_file(path)
    assert after.all == (new, *before.all)
    assert new != before.current
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["service.key"]


def test_rotations_at_the_same_moment_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "service.key"
    before = made(path)
    with ThreadPoolExecutor(8) as threads:
        rotated = list(threads.map(lambda _: rotate_file(path), range(16)))
    assert set(MasterKeys.from_file(path).all) == {*rotated, *before.all}
    assert [file.name for file in tmp_path.iterdir()] == ["service.key"]


def test_a_new_key_is_durable_under_its_name_before_anybody_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "service.key"
    durable: list[str | None] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            durable.append(path.read_text() if path.exists() else None)

    monkeypatch.setattr(os, "fsync", noted)
    for change in (make_file, rotate_file):
        change(path)
        assert durable[-1:] == [path.read_text()]


def test_what_a_process_that_died_left_beside_the_file_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "service.key"
    (tmp_path / f"{path.name}.{os.getpid()}").touch()
    assert made(path).all
    rotate_file(path)


def test_a_master_key_is_never_shown() -> None:
    assert bytes(32).hex() not in repr(MASTERS)
    assert repr(bytes(32)) not in repr(MASTERS)


def test_what_is_sealed_opens_only_in_its_field_of_its_record(
    connection: sa.Connection, vault: Vault
) -> None:
    sealed = vault.seal(connection, ONE, "phone", "13800138000")
    assert b"13800138000" not in sealed
    assert vault.unseal(connection, ONE, "phone", sealed) == "13800138000"
    assert vault.look(connection, ONE).unseal("phone", sealed) == "13800138000"
    vault.key(connection, OTHER)
    for record, name in ((ONE, "name"), (OTHER, "phone"), (Record(2, 7), "phone")):
        with pytest.raises(InvalidTag):
            vault.unseal(connection, record, name, sealed)
    with pytest.raises(InvalidTag):
        vault.unseal(connection, ONE, "phone", sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_a_wrapped_key_moved_to_another_record_does_not_open(connection: sa.Connection, vault: Vault) -> None:
    vault.key(connection, ONE)
    row = TABLES.find.first(connection, {"of_kind": 1, "of_id": 7})
    assert row is not None
    with pytest.raises(InvalidTag):
        vault.opened(OTHER, row.master_id, row.wrapped)


def test_bytes_are_sealed_like_texts_and_beside_the_transaction(
    connection: sa.Connection, vault: Vault
) -> None:
    key, photo = vault.key(connection, ONE), bytes(range(256)) * 50
    sealed = key.seal_bytes("photo", photo)
    assert len(sealed) == len(photo) + 29
    assert vault.unseal_bytes(connection, ONE, "photo", sealed) == photo
    assert vault.seal_bytes(connection, ONE, "photo", photo) != sealed


def test_after_an_erasure_nothing_opens_and_nothing_is_sealed_again(
    connection: sa.Connection, vault: Vault
) -> None:
    sealed = vault.seal(connection, ONE, "phone", "13800138000")
    vault.erase(connection, ONE)
    vault.erase(connection, ONE)
    vault.erase(connection, OTHER)
    with pytest.raises(InvalidTag):
        vault.unseal(connection, ONE, "phone", sealed)
    for record in (ONE, OTHER):
        with pytest.raises(RecordErased):
            vault.seal(connection, record, "phone", "13800138000")
    assert vault.unseal(connection, ONE, "phone", b"") == ""


def test_a_record_that_begins_anew_opens_nothing_from_before_its_erasure(
    connection: sa.Connection, vault: Vault
) -> None:
    earlier = vault.seal(connection, ONE, "words", "earlier")
    vault.erase(connection, ONE)
    later = vault.renew(connection, ONE).seal("words", "later")
    # Whoever was slower finds the key that is there.
    assert vault.renew(connection, ONE).unseal("words", later) == "later"
    assert vault.unseal(connection, ONE, "words", later) == "later"
    with pytest.raises(InvalidTag):
        vault.unseal(connection, ONE, "words", earlier)
    assert vault.renew(connection, OTHER).seal("words", "of a record that was never erased")


def test_what_was_sealed_before_there_were_data_keys_opens(connection: sa.Connection, vault: Vault) -> None:
    earlier = AESGCM(ROOT.derive("sealing"))
    # By chance it may begin like what is sealed now: both kinds of first byte are met.
    for nonce in (bytes(12), b"\x02" + bytes(11)):
        sealed = nonce + earlier.encrypt(nonce, b"13800138000", b"phone/7")
        assert vault.unseal(connection, ONE, "phone", sealed) == "13800138000"
        vault.key(connection, ONE)
        assert vault.unseal(connection, ONE, "phone", sealed) == "13800138000"
        with pytest.raises(InvalidTag):
            vault.unseal(connection, OTHER, "phone", sealed)


def test_the_same_text_is_sealed_differently_each_time_but_has_one_fingerprint(
    connection: sa.Connection, vault: Vault
) -> None:
    assert vault.seal(connection, ONE, "name", "a") != vault.seal(connection, ONE, "name", "a")
    assert vault.fingerprint("name", "ab", "c") == vault.fingerprint("name", "ab", "c")
    assert vault.fingerprint("name", "ab", "c") != vault.fingerprint("name", "a", "bc")
    assert vault.fingerprint("name", "ab") != vault.fingerprint("phone", "ab")


def test_records_that_are_named_by_texts_have_positive_numbers_of_their_own() -> None:
    numbers = {Record.named(6, f"K160207-{number:08d}").record_id for number in range(1_000)}
    assert len(numbers) == 1_000
    assert all(0 <= number < 2**63 for number in numbers)
