"""Which shard keeps what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.vocabulary import CampaignId, PersonId
from services.mesh.shards.hashing import shard_of, shard_of_text, shards_of


def shard_of_person(person_id: PersonId, shard_count: int) -> int:
    """The shard that keeps a person's hands."""
    return shard_of(person_id, shard_count)


def home_of(campaign_id: CampaignId, shard_count: int) -> int:
    """The shard that keeps a campaign's game as a whole, and closes it."""
    return shard_of_text(campaign_id, shard_count)


def owns_column(shard: int, shard_count: int) -> Callable[[NDArray[np.int64]], NDArray[np.bool_]]:
    """Tells the persons of a shard, a whole column at a time."""
    return lambda person_ids: shards_of(person_ids, shard_count) == np.uint64(shard)


def owns(shard: int, shard_count: int) -> Callable[[int], bool]:
    """Tells the persons of a shard."""
    return lambda person_id: shard_of(person_id, shard_count) == shard
