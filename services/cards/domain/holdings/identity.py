"""What makes two requests the same request."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence

from services.cards.domain.errors import RequestIdReused
from services.cards.domain.events import GiftSent
from services.cards.domain.vocabulary import Source

DIGEST_BYTES = 16
"""128 bits: among 2**40 deals the odds that two digests collide are below 2**-48."""


def deal_digests(source: Source, person_ids: Sequence[int], source_keys: Sequence[str]) -> Iterator[bytes]:
    """The identity of each item of a batch: BLAKE2b over person, source and key, 16 bytes.

    `source_keys` has one element for all persons, or one for each.
    """
    tails = [bytes((source,)) + key.encode() for key in source_keys]
    if len(tails) == 1:
        tails *= len(person_ids)
    blake2b = hashlib.blake2b
    for person_id, tail in zip(person_ids, tails, strict=True):
        yield blake2b(person_id.to_bytes(8, "big") + tail, digest_size=DIGEST_BYTES).digest()


def canonical_request_id(request_id: str) -> str:
    """One spelling for a UUID: clients may write the same one in capitals. Raises ValueError for no UUID."""
    return str(uuid.UUID(request_id))


def check_same_gift(known: GiftSent, asked: GiftSent) -> None:
    """Raises `RequestIdReused` unless both ask for the same gift; when it happened does not matter.

    The whole input is kept, not a hash of it, so two inputs can never pass for one another.
    """
    for field in ("campaign_id", "to_person_id", "card"):
        if getattr(known, field) != getattr(asked, field):
            raise RequestIdReused(asked.request_id, field)
