from __future__ import annotations

import pytest

from services.cards.domain.errors import DeadlinePassed, GameConflict
from services.cards.domain.events import GameCreated
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings import hand
from services.cards.domain.opening import DealOutcome, check_open
from services.cards.domain.sets.errors import DeadlineNotReached, GameNotSealed
from services.cards.domain.sets.pool import decide_pool
from services.cards.domain.sets.rules import check_decision, decide_completions, decide_seal
from services.cards.domain.supply.dealing import NO_CARD, DealDecision, are_all_own, decide_deal
from services.cards.domain.supply.draw import deck_cards
from services.cards.domain.supply.grants import SupplyEnded
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CARDS, Card, PersonId, Source
from tests.unit.cards.games import (
    ANNA,
    DEADLINE_MS,
    OPENS_MS,
    SEED,
    SPRING,
    a_game,
    an_order,
    arrived,
    seals,
)


def deal(
    game: ShardGame, persons: list[int], keys: list[str], now_ms: int = OPENS_MS, source: Source = Source.TAP
) -> DealDecision:
    decision = decide_deal(game, source, persons, keys, now_ms, are_all_own)
    if decision.deal is not None:
        game.deal_happened(decision.deal)
    return decision


def give_set(game: ShardGame, person: PersonId) -> None:
    arrived(game, person, *CARDS)


def test_a_batch_deals_what_the_draw_says_in_the_order_asked() -> None:
    game = a_game()
    decision = deal(game, [5, 3, 5], ["a", "b", "c"])
    assert decision.outcomes == [DealOutcome.DEALT] * 3
    drawn = deck_cards(game.prepared.draw_key, 1, game.prepared.supply.limits)[:3].tolist()
    assert decision.cards == drawn
    assert hand.count(game.holdings.hand_of(PersonId(3)), drawn[1]) == 1


def test_a_second_batch_goes_on_with_the_draw_where_the_first_stopped() -> None:
    game = a_game()
    first, second = deal(game, [1, 2, 3], ["round-1"]), deal(game, [1, 2, 3], ["round-2"])
    drawn = deck_cards(game.prepared.draw_key, 1, game.prepared.supply.limits)
    assert [*first.cards, *second.cards] == drawn[:6].tolist()


def test_dealing_again_gives_the_same_card_and_issues_nothing() -> None:
    game = a_game()
    first = deal(game, [1, 2], ["round-1"])
    again = deal(game, [2, 1], ["round-1"])
    assert again.outcomes == [DealOutcome.ALREADY_DEALT] * 2
    assert again.cards == list(reversed(first.cards))
    assert again.deal is None
    assert game.issued.draw_count == 2


def test_the_same_item_twice_in_one_batch_is_dealt_once() -> None:
    decision = deal(a_game(), [1, 1], ["round-1", "round-1"])
    assert decision.outcomes == [DealOutcome.DEALT, DealOutcome.ALREADY_DEALT]
    assert decision.cards[0] == decision.cards[1]


def test_another_source_with_the_same_key_earns_another_card() -> None:
    game = a_game()
    deal(game, [1], ["key"], source=Source.TAP)
    assert deal(game, [1], ["key"], source=Source.SHARE).outcomes == [DealOutcome.DEALT]


def test_when_the_decks_are_dealt_the_rest_of_a_batch_waits_until_home_has_the_last_word() -> None:
    game = a_game(SupplyPlan((1, 1, 0, 0, 0), (9,) * 4))
    decision = deal(game, [1, 2, 3], ["key"])
    assert decision.outcomes == [DealOutcome.DEALT, DealOutcome.DEALT, DealOutcome.NOT_RELEASED]
    assert decision.waiting == 1
    game.issued.end_happened(SupplyEnded(SPRING, is_supply_ended=True, sources=()))
    assert deal(game, [3], ["key"]).outcomes == [DealOutcome.SUPPLY_EXHAUSTED]
    assert decision.cards[2] == NO_CARD
    assert sorted(decision.cards[:2]) == [Card.PATRIOTISM, Card.PROSPERITY]


def test_a_source_stops_at_its_quota_while_others_go_on() -> None:
    game = a_game(SupplyPlan((9,) * 5, (0, 1, 5, 0)))
    assert deal(game, [1, 2], ["key"]).outcomes == [DealOutcome.DEALT, DealOutcome.NOT_RELEASED]
    game.issued.end_happened(SupplyEnded(SPRING, is_supply_ended=False, sources=(Source.TAP,)))
    assert deal(game, [2], ["key"]).outcomes == [DealOutcome.QUOTA_EXHAUSTED]
    assert deal(game, [2], ["key"], source=Source.SPONSOR).outcomes == [DealOutcome.QUOTA_EXHAUSTED]
    assert deal(game, [2], ["key"], source=Source.SHARE).outcomes == [DealOutcome.DEALT]


def test_one_bad_item_does_not_fail_the_rest() -> None:
    decision = decide_deal(a_game(), Source.TAP, [1, 2, 3], ["key"], OPENS_MS, lambda people: people != 2)
    assert decision.outcomes == [DealOutcome.DEALT, DealOutcome.WRONG_SHARD, DealOutcome.DEALT]
    assert decision.deal is not None
    assert list(decision.deal.person_ids) == [1, 3]


@pytest.mark.parametrize(
    ("now_ms", "outcome"),
    [
        (OPENS_MS - 1, DealOutcome.NOT_OPEN),
        (OPENS_MS, DealOutcome.DEALT),
        (DEADLINE_MS - 1, DealOutcome.DEALT),
        (DEADLINE_MS, DealOutcome.CLOSED),
    ],
)
def test_cards_are_dealt_from_opening_up_to_the_deadlines_millisecond(
    now_ms: int, outcome: DealOutcome
) -> None:
    assert deal(a_game(), [1], ["key"], now_ms).outcomes == [outcome]


def test_what_was_dealt_is_still_told_after_the_deadline() -> None:
    game = a_game()
    card = deal(game, [1], ["key"]).cards
    late = deal(game, [1, 2], ["key"], DEADLINE_MS)
    assert late.outcomes == [DealOutcome.ALREADY_DEALT, DealOutcome.CLOSED]
    assert late.cards == [*card, NO_CARD]


def test_a_shard_is_not_sealed_before_its_own_deadline() -> None:
    game = a_game()
    with pytest.raises(DeadlineNotReached) as refused:
        decide_seal(game, DEADLINE_MS - 250)
    assert refused.value.retry_delay_ms == 250
    assert decide_seal(game, DEADLINE_MS).sets_completed == 0


def test_a_sealed_shard_stays_closed_when_the_wall_clock_goes_back() -> None:
    game = a_game()
    give_set(game, ANNA)
    game.seal_happened(decide_seal(game, DEADLINE_MS))
    with pytest.raises(DeadlinePassed):
        check_open(game, DEADLINE_MS - 5_000)
    assert deal(game, [1], ["key"], DEADLINE_MS - 5_000).outcomes == [DealOutcome.CLOSED]


def test_a_gift_that_was_under_way_arrives_after_the_seal() -> None:
    game = a_game()
    game.seal_happened(decide_seal(game, DEADLINE_MS))
    give_set(game, ANNA)
    assert game.holdings.hand_of(ANNA) == (1,) * 5


def test_a_decision_needs_the_seal_and_its_count() -> None:
    game = a_game()
    give_set(game, ANNA)
    completed = decide_completions(game, [ANNA], OPENS_MS, are_all_own).completed
    assert completed is not None
    game.completion_happened(completed)
    created = GameCreated(an_order(), SEED, shard_count=1)
    with pytest.raises(GameNotSealed):
        check_decision(game, decide_pool(created, seals(1)))
    game.seal_happened(decide_seal(game, DEADLINE_MS))
    with pytest.raises(GameNotSealed):
        check_decision(game, decide_pool(created, seals(2)))
    decision = decide_pool(created, seals(1))
    assert check_decision(game, decision)
    game.decision_happened(decision)
    assert not check_decision(game, decision)
    with pytest.raises(GameConflict):
        check_decision(game, decide_pool(created, seals(2)))
