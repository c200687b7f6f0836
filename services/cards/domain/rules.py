"""What a shard decides: each function looks at the state and returns an event, or says why not.

Nothing here changes anything. The event takes effect when it is committed, in the same step of the event
loop, so that no other decision comes in between.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.cards.domain import hand
from services.cards.domain.draw import choose, words
from services.cards.domain.errors import (
    CardNotHeld,
    DeadlineNotReached,
    DeadlinePassed,
    GameConflict,
    GameNotOpen,
    GameNotSealed,
    SetIncomplete,
)
from services.cards.domain.events import Deal, GiftSent, PoolDecided, SetCompleted, ShardSealed
from services.cards.domain.game import ShardGame
from services.cards.domain.identity import deal_digests
from services.cards.domain.vocabulary import Card, PersonId, Source


class DealOutcome(enum.IntEnum):
    """What became of one item of a batch; numbers are those of the contract."""

    DEALT = 1
    ALREADY_DEALT = 2
    SUPPLY_EXHAUSTED = 3
    QUOTA_EXHAUSTED = 4
    NOT_OPEN = 5
    CLOSED = 6
    WRONG_SHARD = 7


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
    refusal = _refusal(game, now_ms)
    remaining, supply_left = game.remaining(), sum(game.remaining())
    quota_left = game.prepared.supply.quotas[source - 1] - game.dealt_by_source[source - 1]
    stream = words(game.prepared.draw_key, game.draw_count)
    known, fresh = game.dealt_cards, dict[bytes, int]()
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
        elif refusal is not None:
            outcome = refusal
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
    deal = Deal(game.prepared.campaign_id, source, game.draw_count, dealt_to, list(fresh.values()), told_keys)
    return DealDecision(outcomes, cards, deal)


def check_open(game: ShardGame, now_ms: int) -> None:
    """Raises `GameNotOpen` or `DeadlinePassed` unless cards may be given and completed now."""
    refusal = _refusal(game, now_ms)
    if refusal is DealOutcome.NOT_OPEN:
        raise GameNotOpen(game.prepared.campaign_id, game.prepared.opens_at_ms)
    if refusal is DealOutcome.CLOSED:
        raise DeadlinePassed(game.prepared.campaign_id, game.prepared.deadline_ms)


def check_gift(game: ShardGame, gift: GiftSent) -> None:
    """Raises what stands against a gift at this moment: `check_open`'s errors, or `CardNotHeld`."""
    check_open(game, gift.sent_at_ms)
    giver = game.hand_of(gift.from_person_id)
    if not hand.count(giver, gift.card):
        raise CardNotHeld(gift.campaign_id, gift.card, hand.held(giver))


def decide_completion(game: ShardGame, person_id: PersonId, now_ms: int) -> SetCompleted:
    """Spends a set of a person who has not completed one. Raises as `check_open`, or `SetIncomplete`."""
    assert person_id not in game.completed_at_ms, "a person completes once"
    check_open(game, now_ms)
    campaign_id = game.prepared.campaign_id
    missing: tuple[Card, ...] = hand.missing(game.hand_of(person_id))
    if missing:
        raise SetIncomplete(campaign_id, person_id, missing)
    return SetCompleted(campaign_id, person_id, now_ms)


def decide_seal(game: ShardGame, now_ms: int) -> ShardSealed:
    """Seals a game that is not sealed. Raises `DeadlineNotReached` while its deadline is ahead."""
    assert game.sealed is None, "a shard is sealed once"
    prepared = game.prepared
    if now_ms < prepared.deadline_ms:
        raise DeadlineNotReached(prepared.campaign_id, prepared.deadline_ms, now_ms)
    return ShardSealed(
        campaign_id=prepared.campaign_id,
        shard=prepared.shard,
        sets_completed=game.sets_completed,
        issued=tuple(game.issued),
        sealed_at_ms=now_ms,
    )


def check_decision(game: ShardGame, decision: PoolDecided) -> bool:
    """Whether the decision is new here. Raises `GameNotSealed`, or `GameConflict` when there is another."""
    campaign_id, shard = game.prepared.campaign_id, game.prepared.shard
    if game.decision is not None:
        if game.decision != decision:
            raise GameConflict(campaign_id, "decision")
        return False
    counted = decision.sets_by_shard[shard] if shard < len(decision.sets_by_shard) else None
    if game.sealed is None or game.sealed.sets_completed != counted:
        raise GameNotSealed(campaign_id, shard)
    return True


def _refusal(game: ShardGame, now_ms: int) -> DealOutcome | None:
    # The seal counts even if the wall clock went back behind the deadline since.
    if game.sealed is not None or now_ms >= game.prepared.deadline_ms:
        return DealOutcome.CLOSED
    if now_ms < game.prepared.opens_at_ms:
        return DealOutcome.NOT_OPEN
    return None
