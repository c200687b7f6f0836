"""The master key, and the keys derived from it."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class KeyFileUnusable(Exception):
    """The key file is no key, or others can read it. The message says what to do."""


class KeyRing:
    """Derives one key for each purpose from the master key, so that no key ever serves two."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != KEY_BYTES:
            raise KeyFileUnusable(f"a master key has {KEY_BYTES} bytes, this one {len(master_key)}")
        self._master_key = master_key

    @classmethod
    def from_hex(cls, digits: str) -> KeyRing:
        """Takes a key of 64 hexadecimal digits; raises `KeyFileUnusable`."""
        try:
            return cls(bytes.fromhex(digits.strip()))
        except ValueError:
            raise KeyFileUnusable("a master key is 64 hexadecimal digits") from None

    @classmethod
    def from_file(cls, path: Path) -> KeyRing:
        """Reads the file, making it with a new random key and mode 0600 when it is missing.

        Raises `KeyFileUnusable` when anyone but the owner may read it. Blocks; for start-up only.
        """
        if not path.exists():
            _create(path)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyFileUnusable(f"{path} is open to others: chmod 600 {path}")
        return cls.from_hex(path.read_text(encoding="ascii"))

    def derive(self, purpose: str) -> bytes:
        """The 32-byte key of a purpose, by HKDF-SHA256 (RFC 5869)."""
        return HKDF(
            hashes.SHA256(), KEY_BYTES, salt=None, info=b"hongbao.identity/" + purpose.encode()
        ).derive(self._master_key)


def _create(path: Path) -> None:
    # Written aside and linked into place: whoever starts at the same time sees a whole key or none, and the
    # first one wins.
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        return
    finally:
        aside.unlink()
