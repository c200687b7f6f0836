"""Refresh tokens: who has one has been given it, and nothing that is kept gives one away.

A token is the number of its session, its own number within the session, and 256 bits that follow from both,
the session's random salt and a key of the service. So the successor of a token can be told again after a lost
answer, and a token that was used long ago is known for what it is, though neither is kept, nor a hash of it:
whoever reads the database has only the salts, and whoever steals the key has none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass, field

from services.identity.domain.people import SessionId

SALT_BYTES = 16

_LAYOUT = struct.Struct(">QI32s")
_PURPOSE = b"refresh-token\x00"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What was brought; genuine only if `is_genuine` says so."""

    session_id: SessionId
    number: int
    """From 1; every refresh makes the next one."""
    proof: bytes = field(repr=False)


def make(key: bytes, session_id: SessionId, salt: bytes, number: int) -> str:
    """The token with this number: 59 characters of base64url."""
    packed = _LAYOUT.pack(session_id, number, _proof(key, session_id, salt, number))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def parse(text: str) -> RefreshToken | None:
    """What a text says of itself; None when it has not the form of a token."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        session_id, number, proof = _LAYOUT.unpack(packed)
    except (binascii.Error, struct.error, ValueError):
        return None
    if not 0 < session_id < 1 << 63:
        return None
    return RefreshToken(SessionId(session_id), number, proof)


def is_genuine(token: RefreshToken, key: bytes, salt: bytes) -> bool:
    """Whether it was given out, sooner or later; compares in constant time."""
    return hmac.compare_digest(token.proof, _proof(key, token.session_id, salt, token.number))


def _proof(key: bytes, session_id: SessionId, salt: bytes, number: int) -> bytes:
    place = session_id.to_bytes(8, "big") + number.to_bytes(4, "big")
    return hmac.digest(key, _PURPOSE + salt + place, hashlib.sha256)
