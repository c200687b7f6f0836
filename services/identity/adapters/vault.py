"""Personal data at rest: sealed with AES-256-GCM, and found again by keyed hashes."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.identity.adapters.keys import KeyRing

_NONCE_BYTES = 12


class Vault:
    """Seals texts to the place they are kept at: a value moved to another row or column does not open."""

    def __init__(self, keys: KeyRing) -> None:
        self._cipher = AESGCM(keys.derive("sealing"))
        self._fingerprint_key = keys.derive("fingerprint")

    def seal(self, text: str, column: str, row: int) -> bytes:
        """A random nonce and the ciphertext with its tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), _place(column, row))

    def unseal(self, sealed: bytes, column: str, row: int) -> str:
        """The text. Raises `cryptography.exceptions.InvalidTag` when it was altered or the key is another."""
        opened = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _place(column, row))
        return opened.decode()

    def fingerprint(self, purpose: str, *parts: str) -> bytes:
        """32 bytes that are equal only for equal texts, and tell nothing to whoever lacks the key."""
        mac = hmac.new(self._fingerprint_key, purpose.encode(), hashlib.sha256)
        for part in parts:
            encoded = part.encode()
            # Lengths keep ("ab", "c") and ("a", "bc") apart.
            mac.update(len(encoded).to_bytes(4, "big") + encoded)
        return mac.digest()


def _place(column: str, row: int) -> bytes:
    return f"{column}/{row}".encode()
