"""What makes two exchanges the same: who gives, who began it, and the request. Within one campaign."""

from __future__ import annotations

import base64
import struct
import uuid
from typing import NewType

from services.cards.domain.exchanges.machine import ExchangeKind
from services.cards.domain.vocabulary import PersonId

ExchangeKey = NewType("ExchangeKey", bytes)
"""Giver and initiator as 8 bytes each, big-endian, and the 16 bytes of the request's UUID."""

REQUEST_BYTES = 16
"""Length of a UUID."""
_PERSON_BYTES = 8
_PEOPLE = struct.Struct(">QQ")
_KEY_BYTES = _PEOPLE.size + REQUEST_BYTES


def exchange_key(kind: ExchangeKind, giver_id: int, receiver_id: int, request_id: bytes) -> ExchangeKey:
    """The identity of an exchange. Whoever knows its parts knows it."""
    initiator_id = giver_id if kind is ExchangeKind.GIFT else receiver_id
    return ExchangeKey(_PEOPLE.pack(giver_id, initiator_id) + request_id)


def giver_of(key: ExchangeKey) -> PersonId:
    """Who gives the card, or was asked for it: that person's shard decides about the exchange."""
    return PersonId(int.from_bytes(key[:_PERSON_BYTES], "big"))


def exchange_text(key: ExchangeKey) -> str:
    """The key as callers carry it about: 43 letters, opaque to them."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def key_from_text(text: str) -> ExchangeKey | None:
    """The inverse; None for what was never given out as an exchange's id."""
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    # Ids of people are positive and below 2**63: anything else could not be sent to their shard.
    is_person = len(key) == _KEY_BYTES and 0 < int.from_bytes(key[:_PERSON_BYTES], "big") < 1 << 63
    return ExchangeKey(key) if is_person else None


def request_bytes(request_id: str) -> bytes:
    """A UUID as 16 bytes, however it is spelled. Raises ValueError for no UUID."""
    return uuid.UUID(request_id).bytes


def request_text(request_id: bytes) -> str:
    """The inverse, in the one canonical spelling."""
    return str(uuid.UUID(bytes=request_id))
