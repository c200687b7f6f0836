"""What other feeds mean for a shard: new friends earn cards, and so do invitations that were fulfilled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.cards.domain.events import CardsDealt, Deal
from services.cards.domain.game import ShardGame
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
class Invitation:
    """Somebody whom another one had invited into a campaign was verified. Social tells it once for a pair."""

    campaign_id: CampaignId
    inviting_person_id: PersonId
    invited_person_id: PersonId
    fulfilled_at_ms: int

    @property
    def source_key(self) -> str:
        """What the card was earned with: the pair, whoever of them invited."""
        low, high = sorted((self.inviting_person_id, self.invited_person_id))
        return f"{low}-{high}"


@dataclass(frozen=True, slots=True)
class FeedDeals:
    """What people get now for what a feed told."""

    source: Source
    dealt: CardsDealt | None
    """None when nobody gets a card."""
    waiting: dict[CampaignId, int]
    """Cards that are earned and may still come, by game: what earned them has to be read again."""


def deal_to_friends(
    shard: CardsShard, friendships: Sequence[Friendship], now_ms: int, is_own: Callable[[int], bool]
) -> FeedDeals:
    """Cards for those of this shard, in every game that was open when they became friends and still is."""
    deals = _Deals(Source.FRIEND, now_ms)
    for game in shard.games.values():
        earned = [
            (person_id, friendship.source_key)
            for friendship in friendships
            if _is_within(game, friendship.made_at_ms)
            for person_id in (friendship.low_person_id, friendship.high_person_id)
            if is_own(person_id)
        ]
        deals.add(game, earned)
    return deals.told()


def deal_for_invitations(
    shard: CardsShard, invitations: Sequence[Invitation], now_ms: int, is_own: Callable[[int], bool]
) -> FeedDeals:
    """Cards for those of this shard, in the campaigns' games that were open then and still are."""
    deals = _Deals(Source.INVITATION, now_ms)
    for game in shard.games.values():
        earned = [
            (person_id, invitation.source_key)
            for invitation in invitations
            if invitation.campaign_id == game.prepared.campaign_id
            and _is_within(game, invitation.fulfilled_at_ms)
            for person_id in (invitation.inviting_person_id, invitation.invited_person_id)
            if is_own(person_id)
        ]
        deals.add(game, earned)
    return deals.told()


class _Deals:
    def __init__(self, source: Source, now_ms: int) -> None:
        self._source = source
        self._now_ms = now_ms
        self._deals: list[Deal] = []
        self._waiting: dict[CampaignId, int] = {}

    def add(self, game: ShardGame, earned: Sequence[tuple[int, str]]) -> None:
        prepared = game.prepared
        if not earned or game.sets.sealed is not None or self._now_ms >= prepared.deadline_ms:
            return
        # When it happened is what counts, even if this clock is a little behind social's.
        judged_ms = max(self._now_ms, prepared.opens_at_ms)
        persons, keys = [person_id for person_id, _ in earned], [key for _, key in earned]
        decision = decide_deal(game, self._source, persons, keys, judged_ms, are_all_own)
        if decision.deal is not None:
            self._deals.append(decision.deal)
        if decision.waiting:
            self._waiting[prepared.campaign_id] = decision.waiting

    def told(self) -> FeedDeals:
        dealt = CardsDealt(tuple(self._deals)) if self._deals else None
        return FeedDeals(self._source, dealt, self._waiting)


def _is_within(game: ShardGame, time_ms: int) -> bool:
    return game.prepared.opens_at_ms <= time_ms < game.prepared.deadline_ms
