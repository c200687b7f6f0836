"""In which order the cards of a deck are dealt: a function of a committed secret, that anyone can recompute.

The commitment is SHA-256(seed), published before the game opens. Each shard draws with a key of its own, so
that its owner needs to know nothing but its own numbers. Only integers, only primitives that are specified
byte for byte: the same seed gives the same cards in every version of every library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.cards.domain.vocabulary import CARDS, CampaignId

SEED_BYTES = 32
"""Length of a game's secret."""
_WORDS_PER_BLOCK = 8
_KINDS = np.array(CARDS, dtype=np.uint8)

Kinds = npt.NDArray[np.uint8]
"""A column of cards' numbers."""


def commitment(seed: bytes) -> bytes:
    """What is published before the game opens, 32 bytes."""
    return hashlib.sha256(seed).digest()


def draw_key(seed: bytes, campaign_id: CampaignId, shard: int) -> bytes:
    """The key of one shard's draws: SHA-256(seed || campaign_id || shard as 4 bytes, big-endian)."""
    assert len(seed) == SEED_BYTES, "a seed of another length would make the concatenation ambiguous"
    return hashlib.sha256(seed + campaign_id.encode() + shard.to_bytes(4, "big")).digest()


def deck_cards(key: bytes, number: int, counts: Sequence[int]) -> Kinds:
    """The cards of a deck of this composition, in the order in which they are dealt.

    The cards are laid out by kind, each at a place with a word of its own, and dealt by rising words; of two
    equal words the first place comes first. Every order is equally likely to who does not know the key.
    """
    size = sum(counts)
    return np.repeat(_KINDS, counts)[np.argsort(_words(key, number, size), kind="stable")]


def _words(key: bytes, number: int, count: int) -> npt.NDArray[np.uint64]:
    """The first words of a deck, each from 0 to 2**64, exclusively.

    Block b is the BLAKE2b, keyed by `key`, of the deck's number and b, each as 8 bytes: 64 bytes long, words
    8b to 8b + 7. All are big-endian.
    """
    blake2b, head = hashlib.blake2b, number.to_bytes(8, "big")
    blocks = (
        blake2b(head + block.to_bytes(8, "big"), key=key).digest()
        for block in range(-(-count // _WORDS_PER_BLOCK))
    )
    return np.frombuffer(b"".join(blocks), dtype=">u8")[:count].astype(np.uint64)
