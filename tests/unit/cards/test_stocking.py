"""How much a shard asks for, and when it gives back what it does not need."""

from __future__ import annotations

import pytest

from services.cards.domain.game import ShardGame
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.supply.grants import NO_CARDS, DeckReceived, Grant, SupplyEnded
from services.cards.domain.supply.leasing import LeaseAnswer, LeaseRequest
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.supply.stocking import DECKS_MAX, Stock, StockRules, accepted
from services.cards.domain.vocabulary import Source
from tests.unit.cards.games import OPENS_MS, SPRING, a_part

RULES = StockRules(deck_cards_min=10, deck_cards_max=500, ahead_ms=1_000, idle_ms=60_000, report_ms=1_000)
PLAN = SupplyPlan((10_000,) * 5, (50_000, 50_000, 0, 0))


class Shop:
    """A shard and what its owner remembers of its stock; home gives what is asked for."""

    def __init__(self) -> None:
        self.now_ms = OPENS_MS
        self.game = ShardGame(a_part(PLAN))
        self.stock = Stock(RULES, self.game.issued, self.now_ms)
        self.keys = 0

    def asked(self) -> LeaseRequest | None:
        return self.stock.request(self.now_ms)

    def answer(
        self, request: LeaseRequest, cards: int, *, is_scarce: bool = False, retry_ms: int = 0
    ) -> None:
        grant = Grant(request.lease_no, (cards, 0, 0, 0, 0), request.wanted_deals if cards else (0,) * 5)
        told = LeaseAnswer(grant if cards else None, False, (), retry_ms, is_scarce)
        self.stock.answered(request, told, self.now_ms)
        for event in accepted(self.game.issued, told):
            assert isinstance(event, DeckReceived)
            self.game.lease_happened(event)

    def lease(self) -> int:
        request = self.asked()
        assert request is not None
        self.answer(request, request.wanted_cards)
        return request.wanted_cards

    def deal(self, count: int) -> None:
        self.keys += 1
        people = list(range(1, count + 1))
        decision = decide_deal(self.game, Source.TAP, people, [f"key-{self.keys}"], self.now_ms, are_all_own)
        assert decision.deal is not None
        assert len(decision.deal.cards) == count
        self.game.deal_happened(decision.deal)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_first_deck_is_small_and_rights_for_two_come_with_it(shop: Shop) -> None:
    request = shop.asked()
    assert request is not None
    assert request.wanted_cards == RULES.deck_cards_min
    both = DECKS_MAX * RULES.deck_cards_min
    assert request.wanted_deals == (both, both, 0, 0, 0)


def test_with_a_whole_deck_nothing_is_asked_for(shop: Shop) -> None:
    shop.lease()
    assert shop.asked() is None


def test_decks_grow_with_the_rate_of_deals_up_to_their_bound(shop: Shop) -> None:
    shop.lease()
    shop.stock.lacking[Source.TAP] = 300
    assert shop.lease() == 300
    shop.stock.lacking[Source.TAP] = 0
    shop.now_ms += 500
    shop.deal(200)
    # Two hundred in half a second are four hundred in the second that a deck should last.
    assert shop.lease() == 400
    shop.now_ms += 200
    shop.deal(400)
    assert shop.lease() == RULES.deck_cards_max


def test_what_waits_is_asked_for_at_once(shop: Shop) -> None:
    shop.lease()
    shop.stock.lacking[Source.FRIEND] = 100
    request = shop.asked()
    assert request is not None
    assert request.wanted_cards == 100
    assert shop.game.issued.deals_left(Source.FRIEND) + request.wanted_deals[0] >= 100


def test_home_is_not_asked_again_before_its_time(shop: Shop) -> None:
    request = shop.asked()
    assert request is not None
    shop.answer(request, 0, retry_ms=700)
    assert shop.asked() is None
    assert not shop.stock.is_coming(Source.TAP, shop.now_ms)
    shop.now_ms += 700
    assert shop.asked() is not None
    assert shop.stock.is_coming(Source.TAP, shop.now_ms)


def test_an_idle_shard_gives_everything_back_and_asks_for_nothing(shop: Shop) -> None:
    shop.lease()
    shop.now_ms += RULES.idle_ms - 1
    assert shop.stock.surplus(shop.now_ms) is None
    shop.now_ms += 1
    back = shop.stock.surplus(shop.now_ms)
    assert back is not None
    assert back.cards == (10, 0, 0, 0, 0)
    assert back.deals == (20, 20, 0, 0, 0)
    shop.game.issued.return_happened(back)
    told = shop.asked()
    assert told is not None
    assert (told.wanted_cards, told.wanted_deals) == (0, (0,) * 5)
    assert told.supply.returned == back.cards


def test_when_home_has_run_out_a_shard_keeps_what_its_deals_need(shop: Shop) -> None:
    shop.lease()
    shop.now_ms += 1_000
    shop.deal(8)
    request = shop.asked()
    assert request is not None
    shop.answer(request, 2, is_scarce=True)
    # Eight a second are more than the four that are left.
    back = shop.stock.surplus(shop.now_ms)
    assert back is None or back.cards == NO_CARDS
    for _ in range(6):
        shop.now_ms += RULES.report_ms
        request = shop.asked()
        if request is not None:
            shop.answer(request, 0, is_scarce=True)
        back = shop.stock.surplus(shop.now_ms)
        if back is not None and any(back.cards):
            break
    assert back is not None
    assert sum(back.cards) == 4


def test_after_a_lost_answer_home_is_asked_again_even_when_nothing_is_needed_any_more(shop: Shop) -> None:
    """Else cards that home has granted would lie nowhere, and others would wait for them."""
    shop.lease()
    shop.now_ms += RULES.idle_ms
    back = shop.stock.surplus(shop.now_ms)
    assert back is not None
    shop.game.issued.return_happened(back)
    told = shop.asked()
    assert told is not None
    shop.answer(told, 0, is_scarce=True)
    shop.stock.lacking[Source.TAP] = 1
    lost = shop.asked()
    assert lost is not None
    shop.stock.failed(100, shop.now_ms)
    shop.stock.lacking[Source.TAP] = 0
    assert shop.asked() is None
    shop.now_ms += 100
    again = shop.asked()
    assert again is not None
    assert (again.lease_no, again.wanted_cards) == (lost.lease_no, 0)
    shop.answer(again, 1, is_scarce=True)
    assert shop.game.issued.decks.left_count == 1
    assert shop.stock.surplus(shop.now_ms) is not None


def test_a_late_or_repeated_answer_changes_nothing(shop: Shop) -> None:
    request = shop.asked()
    assert request is not None
    told = LeaseAnswer(Grant(1, (5, 0, 0, 0, 0), (5, 5, 0, 0, 0)), False, (), 0, False)
    first = accepted(shop.game.issued, told)
    assert [type(event) for event in first] == [DeckReceived]
    assert isinstance(first[0], DeckReceived)
    shop.game.lease_happened(first[0])
    assert accepted(shop.game.issued, told) == ()


def test_homes_last_word_is_kept_once(shop: Shop) -> None:
    told = LeaseAnswer(None, True, (Source.TAP, Source.SHARE), 0, False)
    ended = accepted(shop.game.issued, told)
    # A source without a quota has ended without a word.
    assert ended == (SupplyEnded(SPRING, is_supply_ended=True, sources=(Source.TAP,)),)
    shop.game.issued.end_happened(ended[0])
    assert accepted(shop.game.issued, told) == ()
    assert shop.asked() is None
