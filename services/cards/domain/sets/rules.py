"""What a shard decides about sets: nothing here changes anything."""

from __future__ import annotations

from services.cards.domain.errors import DeadlineNotReached, GameConflict, GameNotSealed, SetIncomplete
from services.cards.domain.events import PoolDecided, SetCompleted, ShardSealed
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings import hand
from services.cards.domain.opening import check_open
from services.cards.domain.vocabulary import Card, PersonId


def decide_completion(game: ShardGame, person_id: PersonId, now_ms: int) -> SetCompleted:
    """Spends a set of a person who has not completed one. Raises as `check_open`, or `SetIncomplete`."""
    assert person_id not in game.sets.completed_at_ms, "a person completes once"
    check_open(game, now_ms)
    campaign_id = game.prepared.campaign_id
    missing: tuple[Card, ...] = hand.missing(game.holdings.hand_of(person_id))
    if missing:
        raise SetIncomplete(campaign_id, person_id, missing)
    return SetCompleted(campaign_id, person_id, now_ms)


def decide_seal(game: ShardGame, now_ms: int) -> ShardSealed:
    """Seals a game that is not sealed. Raises `DeadlineNotReached` while its deadline is ahead."""
    assert game.sets.sealed is None, "a shard is sealed once"
    prepared = game.prepared
    if now_ms < prepared.deadline_ms:
        raise DeadlineNotReached(prepared.campaign_id, prepared.deadline_ms, now_ms)
    return ShardSealed(
        campaign_id=prepared.campaign_id,
        shard=prepared.shard,
        sets_completed=game.sets.count,
        issued=tuple(game.issued.cards),
        sealed_at_ms=now_ms,
    )


def check_decision(game: ShardGame, decision: PoolDecided) -> bool:
    """Whether the decision is new here. Raises `GameNotSealed`, or `GameConflict` when there is another."""
    campaign_id, shard = game.prepared.campaign_id, game.prepared.shard
    if game.sets.decision is not None:
        if game.sets.decision != decision:
            raise GameConflict(campaign_id, "decision")
        return False
    counted = decision.sets_by_shard[shard] if shard < len(decision.sets_by_shard) else None
    if game.sets.sealed is None or game.sets.sealed.sets_completed != counted:
        raise GameNotSealed(campaign_id, shard)
    return True
