"""Who gets which card: decided for a whole batch, in order, without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.events import Deal
from services.cards.domain.game import ShardGame
from services.cards.domain.opening import DealOutcome, refusal
from services.cards.domain.vocabulary import Source

NO_CARD = 0
"""Stands in the column of cards where none was dealt."""

Owns = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""Tells the persons of a shard, a whole column at a time."""


def are_all_own(person_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For columns of persons who were chosen by their shard before."""
    return np.ones(len(person_ids), np.bool_)


@dataclass(frozen=True, slots=True)
class DealDecision:
    """The answer to a batch, in columns, and the event that makes it true."""

    outcomes: Sequence[int]
    """A `DealOutcome` for each item."""
    cards: Sequence[int]
    """A card's number, or `NO_CARD`."""
    deal: Deal | None
    """None when nothing new was dealt."""
    waiting: int
    """Items that no card is there for now, but may be later."""


def decide_deal(
    game: ShardGame,
    source: Source,
    person_ids: Sequence[int],
    source_keys: Sequence[str],
    now_ms: int,
    are_own: Owns,
) -> DealDecision:
    """Deals the decks' next card to each (person, key) that has none yet, in order, while there are any.

    `source_keys` has one element for all persons, or one for each; `are_own` tells persons of this shard.
    """
    people = np.array(person_ids, np.int64)
    known = game.holdings.candidates(source, people, source_keys, now_ms)
    reason = refusal(game, now_ms)
    outcomes = np.full(len(people), reason or DealOutcome.DEALT, np.uint8)
    if reason is None:
        outcomes[~known.is_within_limit] = DealOutcome.DAILY_LIMIT
    outcomes[~are_own(people)] = DealOutcome.WRONG_SHARD
    outcomes[known.cards > 0] = DealOutcome.ALREADY_DEALT
    cards = known.cards.copy()
    served = np.flatnonzero(known.is_fresh & (outcomes == DealOutcome.DEALT))
    kinds = game.issued.decks.next_cards(min(len(served), max(0, game.issued.deals_left(source))))
    served, unserved = served[: len(kinds)], served[len(kinds) :]
    cards[served] = kinds
    outcomes[unserved] = nothing_left(game, source)
    _repeat(known.first, outcomes, cards)
    return DealDecision(
        outcomes.tolist(),
        cards.tolist(),
        _deal(game, source, people[served], kinds, _keys_of(source_keys, served), now_ms),
        int(np.count_nonzero(outcomes == DealOutcome.NOT_RELEASED)),
    )


def nothing_left(game: ShardGame, source: Source) -> DealOutcome:
    """What who finds nothing is told: only home knows that nothing comes any more."""
    if game.issued.is_supply_ended:
        return DealOutcome.SUPPLY_EXHAUSTED
    if game.issued.is_ended(source):
        return DealOutcome.QUOTA_EXHAUSTED
    return DealOutcome.NOT_RELEASED


def _repeat(first: NDArray[np.int64], outcomes: NDArray[np.uint8], cards: NDArray[np.uint8]) -> None:
    """An item that is said again gets the card, and in the end the outcome, of its first mention."""
    again = np.flatnonzero(first != np.arange(len(first)))
    if len(again):
        cards[again] = cards[first[again]]
        outcomes[again] = np.where(cards[again] > 0, DealOutcome.ALREADY_DEALT, outcomes[first[again]])


def _keys_of(source_keys: Sequence[str], served: NDArray[np.int64]) -> Sequence[str]:
    # One key that earned all cards is said once.
    return source_keys if len(source_keys) == 1 else [source_keys[item] for item in served.tolist()]


def _deal(
    game: ShardGame,
    source: Source,
    people: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    source_keys: Sequence[str],
    now_ms: int,
) -> Deal | None:
    if not len(kinds):
        return None
    return Deal(
        game.prepared.campaign_id,
        source,
        game.issued.draw_count,
        people.tolist(),
        kinds.tolist(),
        source_keys,
        now_ms,
    )
