from __future__ import annotations

import asyncio

import pytest

from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.desk import Answer, TapDesk
from services.gateway.domain.errors import ClaimUnanswered, Overloaded, RoundUnknown, TapRateExceeded
from services.gateway.domain.figures import Figures, Outcome
from services.gateway.domain.pace import Pace
from services.gateway.domain.rounds import PartPicture, Phase, RoundBoard
from services.gateway.domain.winners import Packet, Unanswered, Winners

PERSON = 42
PACKET = Packet(amount_fen=167, packet_index=5)


class Owner:
    """Answers claims as told, and counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Answer | Exception = Answer(Outcome.WON, PACKET)
        self.gate = asyncio.Event()
        self.gate.set()

    async def claim(self, _stock_id: str, _shard: int, _person_id: int) -> Answer:
        self.asked += 1
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Desk:
    def __init__(self, taps_max: int = 2) -> None:
        self.owner, self.figures, self.board = Owner(), Figures(), RoundBoard(2)
        self.bulkhead = Bulkhead("taps", taps_max, retry_delay_ms=200)
        self.now_s = 100.0
        self.desk = TapDesk(
            self.board,
            Winners(10),
            Unanswered(10),
            self.owner,
            self.bulkhead,
            Pace(taps_per_s=10, taps_at_once=50, retry_cost_taps=5, people_max=10, now_s=lambda: self.now_s),
            self.figures,
            now_ms=lambda: 1_000,
        )
        self.see(Phase.OPEN, tokens=2)

    def see(self, phase: Phase, tokens: int = 0) -> None:
        self.board.replace([0], [PartPicture("spring.one", 0, phase, 2_000, tokens)])

    async def tap(self, person_id: int = PERSON, taps: int = 7, *, is_retry: bool = False) -> Answer:
        here = self.desk.answer_here("spring.one", 0, person_id, taps, is_retry=is_retry)
        return here or await self.desk.ask_owner("spring.one", 0, person_id, taps)


async def test_a_tap_with_a_token_is_a_claim_and_costs_the_token() -> None:
    desk = Desk()
    assert await desk.tap() == Answer(Outcome.WON, PACKET)
    parts = desk.board.parts("spring.one")
    assert parts is not None
    assert parts[0] is not None
    assert parts[0].tokens == 1


async def test_a_packet_once_won_is_known_here_for_good() -> None:
    desk = Desk()
    await desk.tap()
    for phase in Phase:
        desk.see(phase)
        assert await desk.tap() == Answer(Outcome.ALREADY_WON, PACKET)
    assert desk.owner.asked == 1


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [
        (Phase.SCHEDULED, Outcome.NOT_OPEN),
        (Phase.OPEN, Outcome.MISS),
        (Phase.SOLD_OUT, Outcome.SOLD_OUT),
        (Phase.CLOSED, Outcome.CLOSED),
    ],
)
async def test_a_tap_that_cannot_win_is_answered_without_asking_anybody(
    phase: Phase, outcome: Outcome
) -> None:
    desk = Desk()
    desk.see(phase)
    assert await desk.tap() == Answer(outcome)
    assert desk.owner.asked == 0
    assert [(row[0], row[1], row[2].taps) for row in desk.figures.by_outcome()] == [(outcome, True, 7)]


@pytest.mark.parametrize("outcome", [Outcome.SOLD_OUT, Outcome.CLOSED, Outcome.MISS])
async def test_what_an_owner_answers_is_known_for_the_next_tap(outcome: Outcome) -> None:
    desk = Desk()
    desk.owner.answer = Answer(outcome)
    assert await desk.tap(person_id=1) == Answer(outcome)
    assert await desk.tap(person_id=2) == Answer(outcome)
    assert desk.owner.asked == 1


async def test_a_tap_over_the_limit_is_refused_at_once_and_its_place_is_not_taken() -> None:
    desk = Desk(taps_max=1)
    desk.owner.gate.clear()
    waiting = asyncio.create_task(desk.tap(person_id=1))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await desk.tap(person_id=2)
    assert refused.value.metadata == {"bulkhead": "taps", "limit": "1"}
    assert refused.value.retry_delay_ms == 200
    assert desk.figures.taps_overloaded == 1
    desk.owner.gate.set()
    assert (await waiting).outcome is Outcome.WON
    assert desk.bulkhead.occupied == 0


async def test_a_claim_without_an_answer_says_so_and_frees_its_place() -> None:
    desk = Desk()
    desk.owner.answer = ClaimUnanswered("no answer", stock_id="spring.one", shard=0)
    with pytest.raises(ClaimUnanswered):
        await desk.tap()
    assert desk.figures.taps_unanswered == 1
    assert desk.bulkhead.occupied == 0
    assert list(desk.figures.by_outcome()) == []


@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.SOLD_OUT, Phase.CLOSED])
async def test_who_may_have_won_without_an_answer_is_never_turned_away_here(phase: Phase) -> None:
    desk = Desk()
    desk.owner.answer = ClaimUnanswered("no answer", stock_id="spring.one", shard=0)
    with pytest.raises(ClaimUnanswered):
        await desk.tap()
    desk.see(phase, tokens=0)
    desk.owner.answer = Answer(Outcome.ALREADY_WON, PACKET)
    assert await desk.tap() == Answer(Outcome.ALREADY_WON, PACKET)
    assert desk.owner.asked == 2


async def test_a_player_who_gives_up_waiting_still_hears_of_the_packet_later() -> None:
    desk = Desk()
    desk.owner.gate.clear()
    waiting = asyncio.create_task(desk.tap())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    desk.see(Phase.CLOSED)
    desk.owner.gate.set()
    desk.owner.answer = Answer(Outcome.ALREADY_WON, PACKET)
    assert await desk.tap() == Answer(Outcome.ALREADY_WON, PACKET)


async def test_once_the_owner_has_answered_the_gateway_answers_again() -> None:
    desk = Desk()
    desk.owner.answer = ClaimUnanswered("no answer", stock_id="spring.one", shard=0)
    with pytest.raises(ClaimUnanswered):
        await desk.tap()
    desk.owner.answer = Answer(Outcome.MISS)
    desk.see(Phase.SOLD_OUT)
    assert await desk.tap() == Answer(Outcome.MISS)
    assert await desk.tap() == Answer(Outcome.SOLD_OUT)
    assert desk.owner.asked == 2


async def test_a_claim_that_was_surely_refused_is_not_owed_an_answer() -> None:
    desk = Desk()
    desk.owner.answer = Overloaded("the owner is busy", retry_delay_ms=200, bulkhead="owner")
    with pytest.raises(Overloaded):
        await desk.tap()
    desk.see(Phase.SOLD_OUT)
    assert await desk.tap() == Answer(Outcome.SOLD_OUT)
    assert desk.owner.asked == 1


def test_the_oldest_unanswered_claim_makes_room() -> None:
    unanswered = Unanswered(claims_max=2)
    for person_id in (1, 2, 3):
        unanswered.add("spring.one", person_id)
    assert ("spring.one", 1) not in unanswered
    assert ("spring.one", 3) in unanswered


async def test_a_round_that_nobody_speaks_of_is_unknown() -> None:
    with pytest.raises(RoundUnknown) as refused:
        Desk().desk.answer_here("spring.nine", 0, PERSON, 1)
    assert refused.value.metadata == {"campaign_id": "spring", "round_id": "nine"}


def test_the_oldest_packet_makes_room() -> None:
    winners = Winners(packets_max=2)
    for person in (1, 2, 1, 3):
        winners.remember("s", person, Packet(person, person))
    assert winners.packet("s", 1) is None
    assert winners.packet("s", 2) == Packet(2, 2)
    assert winners.packet("s", 3) == Packet(3, 3)


async def test_who_taps_too_fast_is_refused_and_counted_and_the_stock_does_not_notice() -> None:
    desk = Desk()
    desk.see(Phase.OPEN)
    for _ in range(50):
        assert await desk.tap() == Answer(Outcome.MISS)
    desk.see(Phase.OPEN, tokens=1)
    with pytest.raises(TapRateExceeded) as refused:
        await desk.tap()
    assert refused.value.metadata == {"taps_per_s": "10"}
    assert refused.value.retry_delay_ms == 100
    assert (desk.owner.asked, desk.figures.taps_over_rate) == (0, 1)
    assert await desk.tap(person_id=PERSON + 1) == Answer(Outcome.WON, PACKET)


@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.SOLD_OUT, Phase.CLOSED])
async def test_a_retry_is_decided_by_the_owner_and_costs_no_token(phase: Phase) -> None:
    desk = Desk()
    desk.see(phase)
    desk.owner.answer = Answer(Outcome.ALREADY_WON, PACKET)
    assert await desk.tap() == Answer(_SEEN_HERE[phase])
    assert await desk.tap(is_retry=True) == Answer(Outcome.ALREADY_WON, PACKET)
    assert desk.owner.asked == 1
    parts = desk.board.parts("spring.one")
    assert parts is not None
    assert parts[0] is not None
    assert parts[0].tokens == 0


async def test_a_retry_of_somebody_whose_packet_is_known_asks_nobody() -> None:
    desk = Desk()
    await desk.tap()
    assert await desk.tap(is_retry=True) == Answer(Outcome.ALREADY_WON, PACKET)
    assert desk.owner.asked == 1


async def test_retries_count_for_several_taps() -> None:
    desk = Desk()
    desk.owner.answer = Answer(Outcome.MISS)
    for _ in range(10):
        await desk.tap(is_retry=True)
    with pytest.raises(TapRateExceeded):
        await desk.tap()
    assert desk.owner.asked == 10


_SEEN_HERE = {Phase.OPEN: Outcome.MISS, Phase.SOLD_OUT: Outcome.SOLD_OUT, Phase.CLOSED: Outcome.CLOSED}
