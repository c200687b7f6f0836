"""What players do: earn, give, complete. Decided on the player's shard, answered when it is durable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.cards.domain.events import CardsDealt, Change
from services.cards.domain.holdings.hand import Hand
from services.cards.domain.holdings.history import Movement, origins_of
from services.cards.domain.ports import OwnedShard, Supplies
from services.cards.domain.sets.rules import CompletionDecision, decide_completions
from services.cards.domain.sets.sets import Completion
from services.cards.domain.supply.dealing import DealDecision, Owns, decide_deal
from services.cards.domain.vocabulary import CampaignId, Card, PersonId, Source


@dataclass(frozen=True, slots=True)
class PersonCards:
    """What a person has in a game."""

    hand: Hand
    completion: Completion | None
    origins: Mapping[Card, Sequence[Movement]]
    """How the copies in the hand came: see `origins_of`."""


async def deal(
    shard: OwnedShard,
    campaign_id: CampaignId,
    source: Source,
    person_ids: Sequence[int],
    source_keys: Sequence[str],
    now_ms: Callable[[], int],
    are_own: Owns,
    supplies: Supplies,
) -> DealDecision:
    """Deals a batch in one record. Raises `GameUnknown`; everything else is an outcome of an item.

    When cards are lacking that may be under way, it waits for them a little, once.
    """
    game = shard.state.game(campaign_id)
    decision = decide_deal(game, source, person_ids, source_keys, now_ms(), are_own)
    if decision.waiting:
        there = 0 if decision.deal is None else len(decision.deal.cards)
        await supplies.more(shard, campaign_id, source, there + decision.waiting)
        # Meanwhile anything may have happened, also when nothing came: others may have been dealt cards.
        game = shard.state.game(campaign_id)
        decision = decide_deal(game, source, person_ids, source_keys, now_ms(), are_own)
    if decision.deal is not None:
        shard.commit(Change(CardsDealt((decision.deal,))))
        supplies.dealt(shard, campaign_id)
    # Also what was dealt before may still be on its way to the disk.
    await shard.settled()
    return decision


async def complete_batch(
    shard: OwnedShard,
    campaign_id: CampaignId,
    person_ids: Sequence[int],
    now_ms: int,
    are_own: Owns,
) -> CompletionDecision:
    """Spends sets in one record. Raises `GameUnknown`; everything else is an outcome of an item."""
    decision = decide_completions(shard.state.game(campaign_id), person_ids, now_ms, are_own)
    if decision.completed is not None:
        shard.commit(Change(decision.completed))
    # Also what was completed before may still be on its way to the disk.
    await shard.settled()
    return decision


async def look(
    shard: OwnedShard, campaign_id: CampaignId, person_id: PersonId, *, copies_max: int, steps_max: int
) -> PersonCards:
    """What a person has, durably; bounds as in `origins_of`. Raises `GameUnknown`."""
    game = shard.state.game(campaign_id)
    completion = game.sets.completion_of(campaign_id, person_id)
    origins = origins_of(game.holdings, person_id, copies_max=copies_max, steps_max=steps_max)
    cards = PersonCards(game.holdings.hand_of(person_id), completion, origins)
    await shard.settled()
    return cards
