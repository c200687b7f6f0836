"""What a shard decides about persons who are others: nothing here changes anything.

A person has one set, whichever of their accounts completed it. The shard of the verified person decides: the
first set that it knows of counts, its own or one that it was told of; whoever tells of another one takes that
back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from services.cards.domain.events import SetUndone
from services.cards.domain.game import ShardGame
from services.cards.domain.people.events import (
    ArrivedHand,
    HandsArrived,
    HandsMoved,
    Merge,
    MovedHand,
    PersonsMerged,
)
from services.cards.domain.shard import CardsShard
from services.cards.domain.vocabulary import CampaignId, PersonId

ShardOf = Callable[[PersonId], int]
"""Tells the shard of a person."""


def decide_merges(shard: CardsShard, told: Sequence[Merge], shard_of: ShardOf) -> PersonsMerged | None:
    """The merges that are new to the shard and of its persons; None for none."""
    fresh = {
        merge.person_id: merge
        for merge in told
        if shard_of(merge.person_id) == shard.number and merge.person_id not in shard.merged
    }
    return PersonsMerged(tuple(fresh.values())) if fresh else None


def busy(shard: CardsShard, people: Sequence[PersonId]) -> list[PersonId]:
    """Merged persons who may have something to pass on: most have long done so, and are looked at often."""
    merged = [person_id for person_id in dict.fromkeys(people) if person_id in shard.merged]
    column, found = np.array(merged, np.int64), set[PersonId]()
    for _, game in _unsealed(shard):
        table = game.exchanges.table
        for person_id, has_cards in zip(merged, game.holdings.have_any(column).tolist(), strict=True):
            if has_cards or table.has_rows_of(person_id) or _untold(game, person_id):
                found.add(person_id)
    return [person_id for person_id in merged if person_id in found]


def second_sets(shard: CardsShard, people: Sequence[PersonId], shard_of: ShardOf) -> list[SetUndone]:
    """Sets of merged persons that are one too many, where the persons that they are are of this shard."""
    undone = []
    for campaign_id, game in _unsealed(shard):
        counted = set[int]()
        for person_id, into_person_id in _merged(shard, people):
            if _untold(game, person_id) and shard_of(into_person_id) == shard.number:
                if into_person_id in counted or game.sets.has_completed(into_person_id):
                    undone.append(SetUndone(campaign_id, person_id))
                counted.add(into_person_id)
    return undone


def moved_hands(shard: CardsShard, people: Sequence[PersonId], shard_of: ShardOf) -> list[MovedHand]:
    """What merged persons have to pass on: cards, and word of a set. Asked once `second_sets` happened."""
    moved = []
    for campaign_id, game in _unsealed(shard):
        for person_id, into_person_id in _merged(shard, people):
            cards = game.holdings.hand_of(person_id)
            spent = game.sets.set_of(person_id) if _untold(game, person_id) else None
            if any(cards) or spent is not None:
                moved.append(
                    MovedHand(
                        campaign_id,
                        person_id,
                        into_person_id,
                        shard_of(into_person_id),
                        cards,
                        0 if spent is None else spent.completed_at_ms,
                        0 if spent is None else spent.luck_class,
                    )
                )
    return moved


def decide_arrivals(shard: CardsShard, sent_seq: int, sent: HandsMoved) -> HandsArrived | None:
    """The hands of another shard's record that go to this one; None for none.

    Raises `GameUnknown` when they are ahead of this shard's part of their game: to be tried again.
    """
    arrived = []
    counted = set[tuple[CampaignId, PersonId]]()
    for moved in sent.hands:
        if moved.to_shard == shard.number:
            game, person = shard.game(moved.campaign_id), (moved.campaign_id, moved.to_person_id)
            is_second = bool(moved.completed_at_ms) and (
                person in counted or game.sets.has_completed(moved.to_person_id)
            )
            if moved.completed_at_ms:
                counted.add(person)
            arrived.append(ArrivedHand(moved, sent_seq, is_second))
    return HandsArrived(tuple(arrived)) if arrived else None


def sets_taken_back(shard: CardsShard, arrived: HandsArrived, shard_of: ShardOf) -> list[SetUndone]:
    """Sets of this shard that another one says are one too many, where they still can be undone."""
    return [
        SetUndone(told.hand.campaign_id, told.hand.from_person_id)
        for told in arrived.hands
        if told.is_second_set and shard_of(told.hand.from_person_id) == shard.number
        for game in [shard.game(told.hand.campaign_id)]
        if not game.is_sealed and game.sets.set_of(told.hand.from_person_id) is not None
    ]


def _unsealed(shard: CardsShard) -> Iterator[tuple[CampaignId, ShardGame]]:
    # What was counted stays as it was; settlement pays one share to a person all the same.
    return ((campaign_id, game) for campaign_id, game in shard.games.items() if not game.is_sealed)


def _merged(shard: CardsShard, people: Iterable[PersonId]) -> Iterator[tuple[PersonId, PersonId]]:
    return ((person_id, shard.merged[person_id]) for person_id in people if person_id in shard.merged)


def _untold(game: ShardGame, person_id: PersonId) -> bool:
    return person_id not in game.people.told and game.sets.set_of(person_id) is not None
