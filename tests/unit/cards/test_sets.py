from __future__ import annotations

import pytest

from services.cards.domain.errors import DeadlinePassed, GameConflict, GameNotOpen
from services.cards.domain.events import GameCreated, SetsCompleted, SetUndone
from services.cards.domain.game import ShardGame
from services.cards.domain.sets.errors import GameNotSealed, SetIncomplete
from services.cards.domain.sets.luck import luck_classes, luck_key
from services.cards.domain.sets.pool import decide_pool
from services.cards.domain.sets.rules import (
    CompletionOutcome,
    check_decision,
    decide_completions,
    decide_seal,
    why_not,
)
from services.cards.domain.supply.dealing import are_all_own
from services.cards.domain.vocabulary import CARDS, Card, PersonId, ShareMode
from tests.unit.cards.games import (
    ANNA,
    BAO,
    DEADLINE_MS,
    OPENS_MS,
    SEED,
    SPRING,
    a_game,
    an_order,
    arrived,
    lucky_seals,
    seals,
)

CHEN, DONG = PersonId(3), PersonId(4)


def give_set(game: ShardGame, *persons: PersonId) -> None:
    for person in persons:
        arrived(game, person, *CARDS)


def complete(game: ShardGame, *persons: PersonId, now_ms: int = OPENS_MS) -> list[CompletionOutcome]:
    decision = decide_completions(game, persons, now_ms, are_all_own)
    if decision.completed is not None:
        game.completion_happened(decision.completed)
    return list(decision.outcomes)


def closed(share_mode: ShareMode, pool_fen: int = 1_000) -> ShardGame:
    """Anna has completed, and the pool is shared."""
    game = a_game(share_mode=share_mode)
    give_set(game, ANNA)
    complete(game, ANNA)
    seal = decide_seal(game, DEADLINE_MS)
    game.seal_happened(seal)
    created = GameCreated(an_order(pool_fen=pool_fen, share_mode=share_mode), SEED, shard_count=1)
    game.decision_happened(decide_pool(created, [seal]))
    return game


def test_a_batch_answers_each_person_and_is_one_record() -> None:
    game = a_game()
    give_set(game, ANNA, CHEN)
    decision = decide_completions(
        game, [ANNA, BAO, CHEN, ANNA, DONG], OPENS_MS + 5, lambda people: people != DONG
    )
    assert list(decision.outcomes) == [
        CompletionOutcome.COMPLETED,
        CompletionOutcome.SET_INCOMPLETE,
        CompletionOutcome.COMPLETED,
        CompletionOutcome.ALREADY_COMPLETED,
        CompletionOutcome.WRONG_SHARD,
    ]
    assert decision.completed == SetsCompleted(SPRING, [ANNA, CHEN], [OPENS_MS + 5] * 2)


def test_a_set_is_completed_in_the_last_millisecond_and_not_in_the_next() -> None:
    game = a_game()
    give_set(game, ANNA)
    assert complete(game, ANNA, now_ms=OPENS_MS - 1) == [CompletionOutcome.NOT_OPEN]
    assert complete(game, ANNA, now_ms=DEADLINE_MS) == [CompletionOutcome.CLOSED]
    assert complete(game, ANNA, now_ms=DEADLINE_MS - 1) == [CompletionOutcome.COMPLETED]
    assert complete(game, ANNA, now_ms=DEADLINE_MS) == [CompletionOutcome.ALREADY_COMPLETED]
    assert game.sets.times_of([ANNA, BAO]) == [DEADLINE_MS - 1, 0]


def test_a_set_spends_one_of_each_and_leaves_the_rest() -> None:
    game = a_game()
    give_set(game, ANNA, ANNA)
    complete(game, ANNA)
    assert game.holdings.hand_of(ANNA) == (1,) * 5
    assert game.sets.count == 1


def test_who_has_not_completed_hears_why() -> None:
    game = a_game()
    arrived(game, ANNA, Card.HARMONY)
    error = why_not(game, ANNA, CompletionOutcome.SET_INCOMPLETE)
    assert isinstance(error, SetIncomplete)
    assert error.metadata["missing"] == "PATRIOTISM,PROSPERITY,FRIENDLINESS,DEDICATION"
    assert isinstance(why_not(game, ANNA, CompletionOutcome.NOT_OPEN), GameNotOpen)
    assert isinstance(why_not(game, ANNA, CompletionOutcome.CLOSED), DeadlinePassed)


def test_a_lucky_set_is_on_record_with_the_persons_luck() -> None:
    game = a_game(share_mode=ShareMode.LUCKY)
    give_set(game, ANNA, BAO)
    decision = decide_completions(game, [ANNA, BAO], OPENS_MS, are_all_own)
    assert decision.completed is not None
    assert decision.completed.luck_classes == luck_classes(luck_key(SEED, SPRING), [ANNA, BAO])
    game.completion_happened(decision.completed)
    seal = decide_seal(game, DEADLINE_MS)
    assert sum(seal.sets_by_luck) == 2
    assert all(seal.sets_by_luck[luck - 1] for luck in decision.completed.luck_classes)


@pytest.mark.parametrize("share_mode", ShareMode)
def test_nobody_knows_their_luck_or_share_before_the_pool_is_shared(share_mode: ShareMode) -> None:
    game = a_game(share_mode=share_mode)
    give_set(game, ANNA)
    complete(game, ANNA)
    completion = game.sets.completion_of(SPRING, ANNA)
    assert completion is not None
    assert (completion.luck_class, completion.share_fen) == (0, 0)
    completion = closed(share_mode).sets.completion_of(SPRING, ANNA)
    assert completion is not None
    assert completion.share_fen == 1_000
    assert bool(completion.luck_class) == (share_mode is ShareMode.LUCKY)


@pytest.mark.parametrize("share_mode", ShareMode)
def test_an_undone_set_does_not_count_and_its_cards_are_in_the_hand_again(share_mode: ShareMode) -> None:
    game = a_game(share_mode=share_mode)
    give_set(game, ANNA, BAO)
    complete(game, ANNA, BAO)
    game.undo_happened(SetUndone(SPRING, ANNA))
    assert not game.sets.has_completed(ANNA)
    assert game.holdings.hand_of(ANNA) == (1,) * 5
    assert list(game.sets.columns(SPRING).person_ids) == [BAO]
    seal = decide_seal(game, DEADLINE_MS)
    assert seal.sets_completed == 1
    assert sum(seal.sets_by_luck) == (share_mode is ShareMode.LUCKY)
    with pytest.raises(AssertionError, match="counts"):
        game.undo_happened(SetUndone(SPRING, ANNA))


def test_sets_of_a_while_are_counted_back_from_now() -> None:
    game = a_game()
    give_set(game, ANNA, BAO, CHEN)
    for seconds, person in enumerate((ANNA, BAO, CHEN)):
        complete(game, person, now_ms=OPENS_MS + 1_000 * seconds)
    assert [game.sets.completed_since(OPENS_MS + ms) for ms in (0, 1, 1_000, 1_001, 2_001)] == [3, 2, 2, 1, 0]


@pytest.mark.parametrize("share_mode", ShareMode)
def test_nothing_is_completed_undone_or_sealed_after_the_decision(share_mode: ShareMode) -> None:
    game = closed(share_mode)
    give_set(game, BAO)
    assert complete(game, BAO, now_ms=OPENS_MS) == [CompletionOutcome.CLOSED]
    with pytest.raises(AssertionError, match="after the seal"):
        game.completion_happened(SetsCompleted(SPRING, [BAO], [OPENS_MS]))
    with pytest.raises(AssertionError, match="after the seal"):
        game.undo_happened(SetUndone(SPRING, ANNA))
    with pytest.raises(AssertionError, match="sealed once"):
        decide_seal(game, DEADLINE_MS)
    decision = game.sets.decision
    assert decision is not None
    with pytest.raises(AssertionError, match="decided once"):
        game.decision_happened(decision)


def test_a_decision_of_another_mode_or_with_another_sum_for_the_shard_is_refused() -> None:
    game = a_game(share_mode=ShareMode.LUCKY)
    give_set(game, ANNA)
    complete(game, ANNA)
    seal = decide_seal(game, DEADLINE_MS)
    game.seal_happened(seal)
    lucky = GameCreated(an_order(share_mode=ShareMode.LUCKY), SEED, shard_count=1)
    with pytest.raises(GameConflict):
        check_decision(game, decide_pool(GameCreated(an_order(), SEED, shard_count=1), seals(1)))
    other_luck = seal.sets_by_luck.index(1) or 198
    with pytest.raises(GameNotSealed):
        check_decision(game, decide_pool(lucky, lucky_seals({other_luck: 1, 1: 1})))
    assert check_decision(game, decide_pool(lucky, [seal]))
