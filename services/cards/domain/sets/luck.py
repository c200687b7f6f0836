"""Luck: how large a lucky share is, for each person by a committed secret, so that anyone can check it later.

A person's luck does not depend on when or where they complete, and nobody can know it before the seed is
revealed: all classes are as likely, so until then everybody may expect the same share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from services.cards.domain.vocabulary import CampaignId

LUCK_CLASSES = 199
"""Classes are numbered from 1 to this; their mean is 100."""
KEY_BYTES = 32
_PERSONAL = b"hongbao luck"
_WORD_BYTES = 8
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(2**32 - 1)
_CLASSES = np.uint64(LUCK_CLASSES)


def luck_key(seed: bytes, campaign_id: CampaignId) -> bytes:
    """The key of the luck of all persons in a game: BLAKE2b of the campaign, keyed with the seed, 32 bytes.

    Personalised with "hongbao luck", so that it tells nothing of the keys of the draw.
    """
    return hashlib.blake2b(campaign_id.encode(), key=seed, person=_PERSONAL, digest_size=KEY_BYTES).digest()


def luck_classes(key: bytes, person_ids: Sequence[int]) -> bytes:
    """The class of each person, one byte from 1 to 199.

    1 + floor(word * 199 / 2**64), where word is the keyed 8 byte BLAKE2b of the person's id as 8 bytes; both
    are big-endian. With 2**64 words no class is off by more than one part in 2**56.
    """
    blake2b = hashlib.blake2b
    packed = np.array(person_ids, ">i8").tobytes()
    digests = [
        blake2b(packed[start : start + _WORD_BYTES], key=key, digest_size=_WORD_BYTES).digest()
        for start in range(0, len(packed), _WORD_BYTES)
    ]
    words = np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
    # The upper half of a product of 64 bits and 8, without a number that is wider than 64 bits.
    high, low = words >> _HALF, words & _LOW_HALF
    classes = (high * _CLASSES + (low * _CLASSES >> _HALF) >> _HALF) + np.uint64(1)
    return classes.astype(np.uint8).tobytes()


def lucky_shares(pool_fen: int, sets_by_luck: Sequence[int]) -> tuple[int, ...]:
    """What a set of each class is worth, fen: 1 fen, and of what is left its part by class, rounded down.

    Shares are 0 when there is no set, or when there are more sets than fen, as with equal shares; so no share
    is 0 while there is a fen for everybody. What rounding leaves over is less than a fen for each set.
    """
    assert len(sets_by_luck) == LUCK_CLASSES, "each class has a count"
    assert min(sets_by_luck) >= 0, "counts are not negative"
    sets = sum(sets_by_luck)
    if not 0 < sets <= pool_fen:
        return (0,) * LUCK_CLASSES
    weight = sum(luck * count for luck, count in enumerate(sets_by_luck, start=1))
    return tuple(1 + (pool_fen - sets) * luck // weight for luck in range(1, LUCK_CLASSES + 1))


def worth_fen(luck_shares_fen: Sequence[int], sets_by_luck: Sequence[int]) -> int:
    """What so many sets of each class are worth together, fen."""
    return sum(share_fen * count for share_fen, count in zip(luck_shares_fen, sets_by_luck, strict=True))
