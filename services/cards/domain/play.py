"""What players do: earn, give, complete. Decided on the player's shard, answered when it is durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.cards.domain.errors import NotFriends, SelfGift
from services.cards.domain.events import CardsDealt, Change, GiftSent
from services.cards.domain.exchanges.rules import check_gift
from services.cards.domain.holdings.hand import Hand
from services.cards.domain.ports import Friendships, OwnedShard
from services.cards.domain.sets.rules import CompletionDecision, decide_completions
from services.cards.domain.sets.sets import Completion
from services.cards.domain.supply.dealing import DealDecision, decide_deal
from services.cards.domain.vocabulary import CampaignId, PersonId, Source


@dataclass(frozen=True, slots=True)
class PersonCards:
    """What a person has in a game."""

    hand: Hand
    completion: Completion | None


async def deal(
    shard: OwnedShard,
    campaign_id: CampaignId,
    source: Source,
    person_ids: Sequence[int],
    source_keys: Sequence[str],
    now_ms: int,
    is_own: Callable[[int], bool],
) -> DealDecision:
    """Deals a batch in one record. Raises `GameUnknown`; everything else is an outcome of an item."""
    game = shard.state.game(campaign_id)
    decision = decide_deal(game, source, person_ids, source_keys, now_ms, is_own)
    if decision.deal is not None:
        shard.commit(Change(CardsDealt((decision.deal,))))
    # Also what was dealt before may still be on its way to the disk.
    await shard.settled()
    return decision


async def give(
    shard: OwnedShard, asked: GiftSent, friendships: Friendships, now_ms: Callable[[], int]
) -> GiftSent:
    """Gives a card to a friend; the same gift again under the same request.

    `asked.sent_at_ms` is when it was asked for; the gift itself is made, and judged, when social has
    answered. Raises `SelfGift`, `RequestIdReused`, `GameUnknown`, `NotFriends` and what `check_gift` raises.
    """
    if asked.from_person_id == asked.to_person_id:
        raise SelfGift(asked.from_person_id)
    gift = shard.state.known_gift(asked)
    if gift is None:
        # Social is only asked about gifts that could be made.
        check_gift(shard.state.game(asked.campaign_id), asked)
        if not await friendships.are_friends(asked.from_person_id, asked.to_person_id):
            raise NotFriends(asked.from_person_id, asked.to_person_id)
        gift = _give_now(shard, asked, now_ms())
    await shard.settled()
    return gift


def _give_now(shard: OwnedShard, asked: GiftSent, now_ms: int) -> GiftSent:
    # While social was asked, the same request may have come through, or the card may have gone elsewhere.
    known = shard.state.known_gift(asked)
    if known is not None:
        return known
    gift = GiftSent(
        campaign_id=asked.campaign_id,
        request_id=asked.request_id,
        from_person_id=asked.from_person_id,
        to_person_id=asked.to_person_id,
        card=asked.card,
        to_shard=asked.to_shard,
        sent_at_ms=now_ms,
    )
    check_gift(shard.state.game(gift.campaign_id), gift)
    shard.commit(Change(gift))
    return gift


async def complete_batch(
    shard: OwnedShard,
    campaign_id: CampaignId,
    person_ids: Sequence[int],
    now_ms: int,
    is_own: Callable[[int], bool],
) -> CompletionDecision:
    """Spends sets in one record. Raises `GameUnknown`; everything else is an outcome of an item."""
    decision = decide_completions(shard.state.game(campaign_id), person_ids, now_ms, is_own)
    if decision.completed is not None:
        shard.commit(Change(decision.completed))
    # Also what was completed before may still be on its way to the disk.
    await shard.settled()
    return decision


async def look(shard: OwnedShard, campaign_id: CampaignId, person_id: PersonId) -> PersonCards:
    """What a person has, durably. Raises `GameUnknown`."""
    game = shard.state.game(campaign_id)
    completion = game.sets.completion_of(campaign_id, person_id)
    cards = PersonCards(game.holdings.hand_of(person_id), completion)
    await shard.settled()
    return cards
