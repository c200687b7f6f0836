"""Who gets which card: decided for a whole batch, in order, without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.cards.domain.events import Deal
from services.cards.domain.game import ShardGame
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
    people = np.array(person_ids, np.int64)
    candidates = game.holdings.candidates(source, people, source_keys, now_ms)
    first, is_within_limit = candidates.first.tolist(), candidates.is_within_limit.tolist()
    outcomes, cards, dealt = list[DealOutcome](), list[int](), list[int]()
    for item, (person_id, card) in enumerate(zip(people.tolist(), candidates.cards.tolist(), strict=True)):
        if first[item] < item:
            card, outcome = cards[first[item]], outcomes[first[item]]  # noqa: PLW2901 - it is told the same
            outcome = DealOutcome.ALREADY_DEALT if card else outcome
        elif card:
            outcome = DealOutcome.ALREADY_DEALT
        elif not is_own(person_id):
            outcome = DealOutcome.WRONG_SHARD
        elif reason is not None:
            outcome = reason
        elif not is_within_limit[item]:
            outcome = DealOutcome.DAILY_LIMIT
        elif not supply_left:
            outcome = DealOutcome.SUPPLY_EXHAUSTED
        elif not quota_left:
            outcome = DealOutcome.QUOTA_EXHAUSTED
        else:
            outcome = DealOutcome.DEALT
            card = choose(next(stream), remaining)  # noqa: PLW2901 - the card that it gets
            remaining[card - 1] -= 1
            supply_left, quota_left = supply_left - 1, quota_left - 1
            dealt.append(item)
        outcomes.append(outcome)
        cards.append(card)
    if not dealt:
        return DealDecision(outcomes, cards, None)
    deal = Deal(
        game.prepared.campaign_id,
        source,
        game.issued.draw_count,
        people[dealt].tolist(),
        [cards[item] for item in dealt],
        # One key that earned all cards is said once.
        source_keys if len(source_keys) == 1 else [source_keys[item] for item in dealt],
        now_ms,
    )
    return DealDecision(outcomes, cards, deal)
