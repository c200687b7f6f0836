"""Login secrets: 256 bits each, so a fast keyed hash guards them as well as a slow one would."""

from __future__ import annotations

import base64
import hashlib
import hmac

from services.identity.domain.people import StoredSecret

SALT_BYTES = 16


def derive(key: bytes, request_id: str) -> str:
    """The secret of the account that a request opens: 43 characters of base64url.

    It is a function of the request, so that a repeat after a lost answer tells the same secret, though only
    its hash is kept. Nobody without the service's key and the caller's random request_id can compute it.
    """
    mac = hmac.digest(key, b"login-secret\x00" + request_id.lower().encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def store(secret: str, salt: bytes) -> StoredSecret:
    """What to keep of a secret."""
    return StoredSecret(salt, _digest(secret, salt))


def matches(secret: str, stored: StoredSecret) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(_digest(secret, stored.salt), stored.digest)


def _digest(secret: str, salt: bytes) -> bytes:
    return hmac.digest(salt, secret.encode(), hashlib.sha256)
