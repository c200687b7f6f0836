"""Who gets which card: decided for a whole batch, in order, without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.cards.domain.events import Deal
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings.identity import deal_digests
from services.cards.domain.opening import DealOutcome, refusal
from services.cards.domain.supply.draw import choose, words
from services.cards.domain.vocabulary import Source

NO_CARD = 0
"""Stands in the column of cards where none was dealt."""


@dataclass(frozen=True, slots=True)
class DealDecision:
    """The answer to a batch, in columns, and the event that makes it true."""

    outcomes: Sequence[DealOutcome]
    cards: Sequence[int]
    """A card's number, or `NO_CARD`."""
    deal: Deal | None
    """None when nothing new was dealt."""


def decide_deal(
    game: ShardGame,
    source: Source,
    person_ids: Sequence[int],
    source_keys: Sequence[str],
    now_ms: int,
    is_own: Callable[[int], bool],
) -> DealDecision:
    """Deals one card to each (person, key) that has none yet, in order, while there are any.

    `source_keys` has one element for all persons, or one for each; `is_own` tells persons of this shard.
    """
    reason = refusal(game, now_ms)
    remaining, supply_left = game.issued.remaining(), sum(game.issued.remaining())
    quota_left = game.prepared.supply.quotas[source - 1] - game.issued.from_sources[source - 1]
    stream = words(game.prepared.draw_key, game.issued.draw_count)
    known, fresh = game.holdings.dealt_cards, dict[bytes, int]()
    keys = source_keys if len(source_keys) > 1 else list(source_keys) * len(person_ids)
    outcomes, cards = list[DealOutcome](), list[int]()
    dealt_to, dealt_keys = list[int](), list[str]()
    for digest, person_id, key in zip(
        deal_digests(source, person_ids, source_keys), person_ids, keys, strict=True
    ):
        card = known.get(digest) or fresh.get(digest) or NO_CARD
        if card:
            outcome = DealOutcome.ALREADY_DEALT
        elif not is_own(person_id):
            outcome = DealOutcome.WRONG_SHARD
        elif reason is not None:
            outcome = reason
        elif not supply_left:
            outcome = DealOutcome.SUPPLY_EXHAUSTED
        elif not quota_left:
            outcome = DealOutcome.QUOTA_EXHAUSTED
        else:
            outcome = DealOutcome.DEALT
            fresh[digest] = card = choose(next(stream), remaining)
            remaining[card - 1] -= 1
            supply_left, quota_left = supply_left - 1, quota_left - 1
            dealt_to.append(person_id)
            dealt_keys.append(key)
        outcomes.append(outcome)
        cards.append(card)
    if not fresh:
        return DealDecision(outcomes, cards, None)
    # One key that earned all cards is said once.
    told_keys = source_keys if len(source_keys) == 1 else dealt_keys
    deal = Deal(
        game.prepared.campaign_id, source, game.issued.draw_count, dealt_to, list(fresh.values()), told_keys
    )
    return DealDecision(outcomes, cards, deal)
