"""Passing on what merged persons have. Whatever stops it half-way, it goes on from what is on record."""

from __future__ import annotations

from collections.abc import Sequence

from services.cards.domain.events import Change, FeedPosition
from services.cards.domain.exchanges.ending import decide_parting
from services.cards.domain.people.events import HandsArrived, HandsMoved
from services.cards.domain.people.rules import (
    ShardOf,
    busy,
    decide_arrivals,
    moved_hands,
    second_sets,
    sets_taken_back,
)
from services.cards.domain.ports import OwnedShard
from services.cards.domain.vocabulary import PersonId

HANDS_PER_RECORD_MAX = 256
"""Most hands in one record."""
EXCHANGES_PER_RECORD_MAX = 1_024
"""Most exchanges that end in one record."""


def pass_on(shard: OwnedShard, people: Sequence[PersonId], now_ms: int, shard_of: ShardOf) -> int:
    """Ends what these persons have under way, and passes on what those of them have who were merged.

    How many hands went. Does not wait for the disk.
    """
    merged = busy(shard.state, people)
    _end_exchanges(shard, merged, now_ms)
    for undone in second_sets(shard.state, merged, shard_of):
        shard.commit(Change(undone))
    hands = moved_hands(shard.state, merged, shard_of)
    for start in range(0, len(hands), HANDS_PER_RECORD_MAX):
        shard.commit(Change(HandsMoved(tuple(hands[start : start + HANDS_PER_RECORD_MAX]))))
    return len(hands)


def take_in(shard: OwnedShard, position: FeedPosition, sent: HandsMoved) -> None:
    """Takes in what came for persons of this shard with one record of another, which is applied once.

    Raises `GameUnknown` when it is ahead of its game.
    """
    if position.source_seq > shard.state.positions.get(position.source, 0):
        arrived = decide_arrivals(shard.state, position.source_seq, sent)
        if arrived is not None:
            shard.commit(Change(arrived, position))


def take_back(shard: OwnedShard, arrived: HandsArrived, now_ms: int, shard_of: ShardOf) -> None:
    """Takes back sets that another shard says are one too many. Their cards are passed on."""
    undone = sets_taken_back(shard.state, arrived, shard_of)
    for taken_back in undone:
        shard.commit(Change(taken_back))
    if undone:
        pass_on(shard, [taken_back.person_id for taken_back in undone], now_ms, shard_of)


def _end_exchanges(shard: OwnedShard, people: Sequence[PersonId], now_ms: int) -> None:
    # Their cards come home first. What other shards decide about ends there, by itself at the latest.
    for game in shard.state.games.values():
        for person_id in people:
            while not game.is_sealed:
                ended = decide_parting(game, person_id, now_ms, EXCHANGES_PER_RECORD_MAX)
                if ended is None:
                    break
                shard.commit(Change(ended))
