"""Master keys: they come from outside, from a file or the environment, and wrap the keys that are kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NewType, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12

MasterId = NewType("MasterId", int)
"""Names a master key without telling it: positive, 63 bits of its hash."""


class KeysUnusable(Exception):
    """The keys given are none, not those of the database, or others can read them. It says what to do."""


class KeyFileMissing(KeysUnusable):
    """There is no file of keys. `open_vault` makes it for a database that is under no keys yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no key file {path}")
        self.path = path


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that wraps others."""

    master_id: MasterId
    raw: bytes = field(repr=False)
    cipher: AESGCM = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """The key of 32 bytes. Raises `KeysUnusable`."""
        if len(raw) != KEY_BYTES:
            raise KeysUnusable(f"a master key has {KEY_BYTES} bytes, this one {len(raw)}")
        digest = hashlib.sha256(b"hongbao/master-key-id\x00" + raw).digest()
        return cls(MasterId(int.from_bytes(digest[:8], "big") >> 1 or 1), raw, AESGCM(raw))

    def wrap(self, raw: bytes, place: bytes) -> bytes:
        """Another key, sealed to its place."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, raw, place)

    def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """The other key. Raises `cryptography.exceptions.InvalidTag`."""
        return self.cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], place)


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """What a process was given: the key that wraps, and others that only unwrap."""

    current: MasterKey
    others: tuple[MasterKey, ...] = ()

    @classmethod
    def of(cls, raw_keys: Sequence[bytes]) -> Self:
        """The first one is the current one. Raises `KeysUnusable`."""
        if not raw_keys:
            raise KeysUnusable("there is no master key")
        current, *others = map(MasterKey.of, raw_keys)
        return cls(current, tuple(others))

    @classmethod
    def from_hex(cls, digits: Iterable[str]) -> Self:
        """Keys of 64 hexadecimal digits each. Raises `KeysUnusable`."""
        try:
            return cls.of([bytes.fromhex(key.strip()) for key in digits])
        except ValueError:
            raise KeysUnusable("a master key is 64 hexadecimal digits") from None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Reads the file, one key a line. Blocks.

        Raises `KeyFileMissing`, and `KeysUnusable` when anyone but the owner may read it.
        """
        try:
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeysUnusable(f"{path} is open to others: chmod 600 {path}")
            return cls.from_hex(path.read_text(encoding="ascii").split())
        except FileNotFoundError:
            raise KeyFileMissing(path) from None

    def find(self, master_id: int) -> MasterKey | None:
        """The key of this name, or None when it was not given."""
        return next((key for key in self.all if key.master_id == master_id), None)

    @property
    def all(self) -> tuple[MasterKey, ...]:
        """The current one first."""
        return (self.current, *self.others)


def make_file(path: Path) -> None:
    """Makes a file of keys with one random key and mode 0600, unless there is one. Durable. Blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _held(path.parent):
        aside = _write_aside(path, [secrets.token_bytes(KEY_BYTES)])
        try:
            # Whoever starts at the same time sees a whole key or none, and the first one wins.
            os.link(aside, path)
        except FileExistsError:
            return
        finally:
            aside.unlink()


def rotate_file(path: Path) -> MasterKey:
    """Puts a new random key at the head of a file of keys, in one step; the key.

    Raises `KeysUnusable`. Whoever reads the file meanwhile sees the keys from before or those from after; who
    rotates it at the same moment waits, so that no key is lost. Blocks.
    """
    MasterKeys.from_file(path)
    with _held(path.parent):
        earlier = MasterKeys.from_file(path)
        new = MasterKey.of(secrets.token_bytes(KEY_BYTES))
        _write_aside(path, [key.raw for key in (new, *earlier.all)]).replace(path)
    return new


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keeps others from changing keys there, and what was changed is durable at the end."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        # Else the loss of power may take a key away that databases are under already.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_aside(path: Path, raw_keys: Sequence[bytes]) -> Path:
    # Not after the process: in a container every one has the same number, also that of one that died here.
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.writelines(f"{raw.hex()}\n" for raw in raw_keys)
        file.flush()
        os.fsync(file.fileno())
    return aside
