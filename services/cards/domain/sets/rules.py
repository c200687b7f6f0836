"""What a shard decides about sets: nothing here changes anything."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.errors import CardsError, DeadlinePassed, GameConflict, GameNotOpen
from services.cards.domain.events import PoolDecided, SetsCompleted, ShardSealed
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings import hand
from services.cards.domain.opening import DealOutcome, refusal
from services.cards.domain.people.errors import PersonMerged
from services.cards.domain.sets.errors import DeadlineNotReached, GameNotSealed, SetIncomplete
from services.cards.domain.sets.luck import luck_classes, worth_fen
from services.cards.domain.vocabulary import PersonId, ShareMode


class CompletionOutcome(enum.IntEnum):
    """What became of one person of a batch; numbers are those of the contract."""

    COMPLETED = 1
    ALREADY_COMPLETED = 2
    SET_INCOMPLETE = 3
    NOT_OPEN = 4
    CLOSED = 5
    WRONG_SHARD = 6
    PERSON_MERGED = 7


_REFUSALS = {
    DealOutcome.NOT_OPEN: CompletionOutcome.NOT_OPEN,
    DealOutcome.CLOSED: CompletionOutcome.CLOSED,
}


@dataclass(frozen=True, slots=True)
class CompletionDecision:
    """What becomes of a batch, and the event that makes it true."""

    outcomes: Sequence[CompletionOutcome]
    completed: SetsCompleted | None
    """None when nobody completes now."""


def decide_completions(
    game: ShardGame,
    person_ids: Sequence[int],
    now_ms: int,
    are_own: Callable[[NDArray[np.int64]], NDArray[np.bool_]],
) -> CompletionDecision:
    """Spends a set of each person who holds one and has not completed, each once.

    `are_own` tells persons of this shard, a whole column at a time.
    """
    reason = refusal(game, now_ms)
    refused = None if reason is None else _REFUSALS[reason]
    fresh: dict[int, None] = {}
    outcomes = []
    people = np.array(person_ids, np.int64)
    own, have_sets = are_own(people).tolist(), game.holdings.have_sets(people).tolist()
    for person_id, is_own, has_set in zip(person_ids, own, have_sets, strict=True):
        if not is_own:
            outcome = CompletionOutcome.WRONG_SHARD
        elif person_id in fresh or game.sets.has_completed(person_id):
            outcome = CompletionOutcome.ALREADY_COMPLETED
        elif person_id in game.people.merged:
            outcome = CompletionOutcome.PERSON_MERGED
        elif refused is not None:
            outcome = refused
        elif not has_set:
            outcome = CompletionOutcome.SET_INCOMPLETE
        else:
            outcome = CompletionOutcome.COMPLETED
            fresh[person_id] = None
        outcomes.append(outcome)
    return CompletionDecision(outcomes, _completed(game, list(fresh), now_ms) if fresh else None)


def why_not(game: ShardGame, person_id: PersonId, outcome: CompletionOutcome) -> CardsError:
    """The error that tells a person of this shard why they have not completed."""
    prepared = game.prepared
    match outcome:
        case CompletionOutcome.NOT_OPEN:
            return GameNotOpen(prepared.campaign_id, prepared.opens_at_ms)
        case CompletionOutcome.CLOSED:
            return DeadlinePassed(prepared.campaign_id, prepared.deadline_ms)
        case CompletionOutcome.PERSON_MERGED:
            return PersonMerged(person_id, game.people.merged[person_id])
        case _:
            assert outcome is CompletionOutcome.SET_INCOMPLETE, "who has completed is told so"
            missing = hand.missing(game.holdings.hand_of(person_id))
            return SetIncomplete(prepared.campaign_id, person_id, missing)


def decide_seal(game: ShardGame, now_ms: int) -> ShardSealed:
    """Seals a game that is not sealed. Raises `DeadlineNotReached` while its deadline is ahead."""
    assert game.sets.sealed is None, "a shard is sealed once"
    check_deadline(game, now_ms)
    prepared = game.prepared
    return ShardSealed(
        campaign_id=prepared.campaign_id,
        shard=prepared.shard,
        sets_completed=game.sets.count,
        issued=tuple(game.issued.cards),
        sealed_at_ms=now_ms,
        sets_by_luck=game.sets.sets_by_luck,
        supply=game.issued.at_seal(),
    )


def check_deadline(game: ShardGame, now_ms: int) -> None:
    """Raises `DeadlineNotReached` while the deadline is ahead."""
    prepared = game.prepared
    if now_ms < prepared.deadline_ms:
        raise DeadlineNotReached(prepared.campaign_id, prepared.deadline_ms, now_ms)


def check_decision(game: ShardGame, decision: PoolDecided) -> bool:
    """Whether the decision is new here. Raises `GameNotSealed`, or `GameConflict` when there is another."""
    campaign_id, shard = game.prepared.campaign_id, game.prepared.shard
    if game.sets.decision is not None:
        if game.sets.decision != decision:
            raise GameConflict(campaign_id, "decision")
        return False
    if decision.share_mode is not game.sets.share_mode:
        raise GameConflict(campaign_id, "share_mode")
    if game.sets.sealed is None or not _counts(decision, game.sets.sealed):
        raise GameNotSealed(campaign_id, shard)
    return True


def _counts(decision: PoolDecided, seal: ShardSealed) -> bool:
    """Whether a decision is about the sets of a seal."""
    shard = seal.shard
    if shard >= len(decision.sets_by_shard) or decision.sets_by_shard[shard] != seal.sets_completed:
        return False
    if decision.share_mode is not ShareMode.LUCKY:
        return True
    columns = (decision.luck_shares_fen, seal.sets_by_luck)
    return (
        len(columns[0]) == len(columns[1])
        and len(decision.shard_shares_fen) == len(decision.sets_by_shard)
        and decision.shard_shares_fen[shard] == worth_fen(*columns)
    )


def _completed(game: ShardGame, person_ids: Sequence[int], now_ms: int) -> SetsCompleted:
    prepared = game.prepared
    is_lucky = prepared.share_mode is ShareMode.LUCKY
    return SetsCompleted(
        prepared.campaign_id,
        person_ids,
        [now_ms] * len(person_ids),
        luck_classes(prepared.luck_key, person_ids) if is_lucky else b"",
    )
