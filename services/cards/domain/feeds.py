"""What other feeds mean for a shard: new friends earn cards, and gifts from other shards arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.cards.domain.events import CardsDealt, Deal
from services.cards.domain.shard import CardsShard
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.vocabulary import CampaignId, PersonId, Source


@dataclass(frozen=True, slots=True)
class Friendship:
    """Two persons became friends: for the first time, or again after they had parted."""

    low_person_id: PersonId
    high_person_id: PersonId
    made_at_ms: int

    @property
    def source_key(self) -> str:
        """What the card was earned with: the pair, so that parting and meeting again earns nothing."""
        return f"{self.low_person_id}-{self.high_person_id}"


@dataclass(frozen=True, slots=True)
class FriendDeals:
    """What new friends get now."""

    dealt: CardsDealt | None
    """None when nobody gets a card."""
    waiting: dict[CampaignId, int]
    """Cards that are earned and may still come, by game: their friendships have to be read again."""


def deal_to_friends(
    shard: CardsShard, friendships: Sequence[Friendship], now_ms: int, is_own: Callable[[int], bool]
) -> FriendDeals:
    """Cards for those of this shard, in every game that was open when they became friends and still is."""
    deals: list[Deal] = []
    waiting: dict[CampaignId, int] = {}
    for game in shard.games.values():
        prepared = game.prepared
        if game.sets.sealed is not None or now_ms >= prepared.deadline_ms:
            continue
        persons: list[int] = []
        keys: list[str] = []
        for friendship in friendships:
            if prepared.opens_at_ms <= friendship.made_at_ms < prepared.deadline_ms:
                for person_id in (friendship.low_person_id, friendship.high_person_id):
                    if is_own(person_id):
                        persons.append(person_id)
                        keys.append(friendship.source_key)
        if persons:
            # When they became friends is what counts, even if this clock is a little behind social's.
            judged_ms = max(now_ms, prepared.opens_at_ms)
            decision = decide_deal(game, Source.FRIEND, persons, keys, judged_ms, are_all_own)
            if decision.deal is not None:
                deals.append(decision.deal)
            if decision.waiting:
                waiting[prepared.campaign_id] = decision.waiting
    return FriendDeals(CardsDealt(tuple(deals)) if deals else None, waiting)
