from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.allocation.domain.draw import draw
from services.allocation.domain.release import released
from services.allocation.domain.stock import ClaimOutcome, Decision, Stock, StockPhase
from services.allocation.domain.stock_errors import PacketUnknown
from services.allocation.domain.values import Packets, PersonId, ReleaseCurve, StockTerms
from services.mesh.shards.hashing import shard_of
from tests.unit.allocation.terms import CLOSES_MS, OPENS_MS, people_of, stock_terms

SHARDS = 4
SHARD = 1
TEN = Packets(count=10, budget_fen=1_000, min_fen=1, max_fen=500)
OURS = people_of(SHARD, SHARDS, 40)
SOMEONE_ELSES = people_of(2, SHARDS, 1)[0]


def new_stock(packets: Packets = TEN, curve: ReleaseCurve = ReleaseCurve.IMMEDIATE) -> Stock:
    return Stock(stock_terms(packets, shard=SHARD, curve=curve), SHARDS)


def claim(stock: Stock, people: list[int], now_ms: int = OPENS_MS) -> Decision:
    """Decides and, as the owner does, folds the wins in at once."""
    decision = stock.decide(np.array(people, np.int64), now_ms)
    if len(decision.winners):
        stock.add(decision.first_packet_index, decision.winners, decision.winners_fen)
    return decision


def outcomes(decision: Decision) -> list[ClaimOutcome]:
    return [ClaimOutcome(number) for number in decision.outcomes.tolist()]


def test_winners_get_the_drawn_packets_in_the_order_of_their_claims() -> None:
    stock = new_stock()
    drawn = draw(stock.terms.seed, stock.terms.stock_id, SHARD, TEN).tolist()

    first = claim(stock, OURS[:3])
    second = claim(stock, OURS[3:5])

    assert outcomes(first) == [ClaimOutcome.WON] * 3
    assert first.packet_indexes.tolist() == [0, 1, 2]
    assert first.amounts_fen.tolist() == drawn[:3]
    assert second.packet_indexes.tolist() == [3, 4]
    assert second.amounts_fen.tolist() == drawn[3:5]


def test_a_second_claim_returns_the_same_packet_even_after_the_end() -> None:
    stock = new_stock()
    first = claim(stock, [OURS[4]])
    again = claim(stock, [OURS[4]], CLOSES_MS + 5)
    assert outcomes(again) == [ClaimOutcome.ALREADY_WON]
    assert again.packet_indexes.tolist() == first.packet_indexes.tolist()
    assert again.amounts_fen.tolist() == first.amounts_fen.tolist()
    assert stock.packet_of(PersonId(OURS[4])) == (0, first.amounts_fen[0])


def test_a_person_twice_in_one_batch_wins_once() -> None:
    decision = claim(new_stock(), [OURS[0], OURS[1], OURS[0], OURS[2], OURS[1]])
    won, again = ClaimOutcome.WON, ClaimOutcome.ALREADY_WON
    assert outcomes(decision) == [won, won, again, won, again]
    assert decision.packet_indexes.tolist() == [0, 1, 0, 2, 1]
    assert decision.winners.tolist() == OURS[:3]


def test_the_last_packet_goes_to_the_first_who_asks_and_the_rest_are_told_for_good() -> None:
    stock = new_stock()
    claim(stock, OURS[:9])
    decision = claim(stock, [OURS[9], OURS[10], OURS[9], OURS[10]])
    won, again, sold_out = ClaimOutcome.WON, ClaimOutcome.ALREADY_WON, ClaimOutcome.SOLD_OUT
    assert outcomes(decision) == [won, sold_out, again, sold_out]
    assert decision.packet_indexes.tolist() == [9, -1, 9, -1]
    assert stock.phase(OPENS_MS) is StockPhase.SOLD_OUT
    assert outcomes(claim(stock, [OURS[11]])) == [sold_out]
    assert stock.totals.won_fen == TEN.budget_fen


def test_nothing_beyond_what_is_released() -> None:
    stock = new_stock(curve=ReleaseCurve.LINEAR)
    half_way = OPENS_MS + 29_999
    decision = claim(stock, OURS[:8], half_way)
    assert outcomes(decision) == [ClaimOutcome.WON] * 5 + [ClaimOutcome.NOT_RELEASED] * 3
    assert outcomes(claim(stock, [OURS[5]], half_way)) == [ClaimOutcome.NOT_RELEASED]
    assert outcomes(claim(stock, [OURS[5]], half_way + 1)) == [ClaimOutcome.WON]


@pytest.mark.parametrize(
    ("now_ms", "expected"),
    [
        (OPENS_MS - 1, ClaimOutcome.NOT_OPEN),
        (OPENS_MS, ClaimOutcome.WON),
        (CLOSES_MS - 1, ClaimOutcome.WON),
        (CLOSES_MS, ClaimOutcome.CLOSED),
    ],
)
def test_claims_are_accepted_from_opening_up_to_but_not_at_closing(
    now_ms: int, expected: ClaimOutcome
) -> None:
    assert outcomes(claim(new_stock(), [OURS[0]], now_ms)) == [expected]


def test_a_closed_stock_stays_closed_when_the_clock_is_set_back() -> None:
    stock = new_stock()
    claim(stock, OURS[:2])
    stock.close(stock.totals)
    assert stock.phase(OPENS_MS) is StockPhase.CLOSED
    assert outcomes(claim(stock, [OURS[3], OURS[0]])) == [ClaimOutcome.CLOSED, ClaimOutcome.ALREADY_WON]


def test_bad_claims_are_answered_one_by_one_beside_good_ones() -> None:
    decision = claim(new_stock(), [0, OURS[0], -5, SOMEONE_ELSES, OURS[1]])
    bad, won = ClaimOutcome.PERSON_INVALID, ClaimOutcome.WON
    assert outcomes(decision) == [bad, won, bad, ClaimOutcome.WRONG_SHARD, won]
    assert decision.packet_indexes.tolist() == [-1, 0, -1, -1, 1]
    assert decision.amounts_fen[[0, 2, 3]].tolist() == [0, 0, 0]


def test_who_has_won_nothing_has_no_packet() -> None:
    stock = new_stock()
    claim(stock, [OURS[0]])
    with pytest.raises(PacketUnknown):
        stock.packet_of(PersonId(OURS[1]))


def test_what_was_not_won_is_returned() -> None:
    stock = new_stock()
    decision = claim(stock, OURS[:4])
    won_fen = int(decision.amounts_fen.sum())
    assert (stock.totals.packets_won, stock.totals.won_fen) == (4, won_fen)
    assert stock.totals.returned_fen == TEN.budget_fen - won_fen


class Model:
    """The same rules for one claim at a time, with nothing clever in them."""

    def __init__(self, terms: StockTerms) -> None:
        self.terms = terms
        self.amounts = draw(terms.seed, terms.stock_id, terms.shard, terms.packets).tolist()
        self.winners: dict[int, int] = {}

    def claim(self, people: list[int], now_ms: int) -> list[tuple[ClaimOutcome, int, int]]:
        room = self.room(now_ms)
        new = [
            person for person in dict.fromkeys(people) if self.is_ours(person) and person not in self.winners
        ]
        old, served = dict(self.winners), new[: max(0, room)]
        for person in served:
            self.winners[person] = len(self.winners)
        answers, told = [], set(old)
        for person in people:
            if person in self.winners:
                outcome = ClaimOutcome.ALREADY_WON if person in told else ClaimOutcome.WON
                told.add(person)
                index = self.winners[person]
                answers.append((outcome, index, self.amounts[index]))
            else:
                answers.append((self.refusal(person, now_ms), -1, 0))
        return answers

    def room(self, now_ms: int) -> int:
        window = self.terms.window
        if not window.opens_ms <= now_ms < window.closes_ms:
            return 0
        count = self.terms.packets.count
        terms = self.terms
        out = released(now_ms, window, count, terms.release_curve, terms.release_table_ppm)
        return out - len(self.winners)

    def is_ours(self, person: int) -> bool:
        return person > 0 and shard_of(person, SHARDS) == self.terms.shard

    def refusal(self, person: int, now_ms: int) -> ClaimOutcome:
        if person <= 0:
            return ClaimOutcome.PERSON_INVALID
        if not self.is_ours(person):
            return ClaimOutcome.WRONG_SHARD
        if now_ms >= self.terms.window.closes_ms:
            return ClaimOutcome.CLOSED
        if now_ms < self.terms.window.opens_ms:
            return ClaimOutcome.NOT_OPEN
        is_empty = len(self.winners) == self.terms.packets.count
        return ClaimOutcome.SOLD_OUT if is_empty else ClaimOutcome.NOT_RELEASED


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_batches_in_any_order_give_what_single_claims_would(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    packets = Packets(count=count, budget_fen=count * 100, min_fen=1, max_fen=500)
    curve = data.draw(st.sampled_from(ReleaseCurve))
    stock = new_stock(packets, curve)
    model = Model(stock.terms)
    person = st.one_of(st.sampled_from(OURS), st.sampled_from([SOMEONE_ELSES, 0, -1]))
    batches = data.draw(st.lists(st.lists(person, min_size=1, max_size=20), max_size=8))
    now_ms = OPENS_MS - 1
    for batch in batches:
        now_ms += data.draw(st.sampled_from([0, 1, 5_000, 20_000]))
        decision = claim(stock, batch, now_ms)
        columns = zip(
            outcomes(decision), decision.packet_indexes.tolist(), decision.amounts_fen.tolist(), strict=True
        )
        assert list(columns) == model.claim(batch, now_ms)
        assert stock.people(0, count).tolist() == list(model.winners)
    assert stock.totals.won_fen == sum(model.amounts[: len(model.winners)]) <= packets.budget_fen
