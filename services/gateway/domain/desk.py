"""Where taps are answered: on the spot where possible, else by the owner of the stock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.errors import ClaimUnanswered, Overloaded, RoundUnknown, TapRateExceeded
from services.gateway.domain.figures import Figures, Outcome
from services.gateway.domain.pace import Pace
from services.gateway.domain.rounds import Part, Phase, RoundBoard, Verdict, decide
from services.gateway.domain.winners import Packet, Unanswered, Winners
from services.mesh.errors import ErrorKind, ServiceError


@dataclass(frozen=True, slots=True)
class Answer:
    """How a tap ended."""

    outcome: Outcome
    packet: Packet | None = None
    """What was won, now or before."""


class Claims(Protocol):
    """The way to the owners."""

    async def claim(self, stock_id: str, shard: int, person_id: int) -> Answer:
        """Asks the owner, in a batch with others. Raises `ClaimUnanswered`, or what the owner answered."""
        ...


_LOCAL = {
    Verdict.MISS: Answer(Outcome.MISS),
    Verdict.SOLD_OUT: Answer(Outcome.SOLD_OUT),
    Verdict.NOT_OPEN: Answer(Outcome.NOT_OPEN),
    Verdict.CLOSED: Answer(Outcome.CLOSED),
}


_UNSURE = (ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE)
"""Errors after which a claim may have won all the same."""


class TapDesk:
    """Judges taps by what is known here, sends the few that may win on, and learns from the answers."""

    def __init__(
        self,
        board: RoundBoard,
        winners: Winners,
        unanswered: Unanswered,
        claims: Claims,
        bulkhead: Bulkhead,
        pace: Pace,
        figures: Figures,
        now_ms: Callable[[], int],
    ) -> None:
        self._board = board
        self._winners = winners
        self._unanswered = unanswered
        self._claims = claims
        self._bulkhead = bulkhead
        self._pace = pace
        self._figures = figures
        self._now_ms = now_ms

    def answer_here(
        self, stock_id: str, shard: int, person_id: int, taps: int, *, is_retry: bool = False
    ) -> Answer | None:
        """Answers without asking anybody; None when only the owner can say: then `ask_owner`.

        Takes one of the part's tokens when the answer is None, except for a person whose last claim was left
        without an answer, as this gateway remembers or the app says (`is_retry`): they may have won already.
        Raises `RoundUnknown`, and `TapRateExceeded` for somebody who taps too fast.
        """
        try:
            self._pace.take(person_id, is_retry=is_retry)
        except TapRateExceeded:
            self._figures.taps_over_rate += 1
            raise
        parts = self._board.parts(stock_id)
        if parts is None:
            campaign_id, _, round_id = stock_id.partition(".")
            raise RoundUnknown(
                f"nobody speaks of round {round_id} of {campaign_id}",
                campaign_id=campaign_id,
                round_id=round_id,
            )
        part = parts[shard]
        packet = self._winners.packet(stock_id, person_id)
        if packet is None and (is_retry or (stock_id, person_id) in self._unanswered):
            return None
        verdict = decide(part, self._now_ms(), has_won=packet is not None)
        if verdict is Verdict.CLAIM:
            assert part is not None, "a claim is sent to a part that somebody speaks of"
            part.tokens -= 1
            return None
        answer = _LOCAL.get(verdict) or Answer(Outcome.ALREADY_WON, packet)
        count = self._figures.answered_here[answer.outcome]
        count.taps += taps
        count.reports += 1
        return answer

    async def ask_owner(self, stock_id: str, shard: int, person_id: int, taps: int) -> Answer:
        """Claims at the owner. Raises `Overloaded`, `ClaimUnanswered`, or what the owner answered."""
        try:
            self._bulkhead.enter()
        except Overloaded:
            self._figures.taps_overloaded += 1
            raise
        try:
            answer = await self._claims.claim(stock_id, shard, person_id)
        except BaseException as failure:
            # Also when the player gave up: the claim is on its way, and may win. A sure refusal did not.
            if not isinstance(failure, ServiceError) or failure.kind in _UNSURE:
                self._unanswered.add(stock_id, person_id)
            if isinstance(failure, ClaimUnanswered):
                self._figures.taps_unanswered += 1
            raise
        finally:
            self._bulkhead.leave()
        self._unanswered.discard(stock_id, person_id)
        self._learn(stock_id, shard, person_id, answer)
        count = self._figures.answered_by_owners[answer.outcome]
        count.taps += taps
        count.reports += 1
        return answer

    def _learn(self, stock_id: str, shard: int, person_id: int, answer: Answer) -> None:
        if answer.packet is not None:
            self._winners.remember(stock_id, person_id, answer.packet)
            return
        parts = self._board.parts(stock_id)
        part = parts[shard] if parts is not None else None
        if part is not None:
            _learn_about(part, answer.outcome)


def _learn_about(part: Part, outcome: Outcome) -> None:
    """The owner knows before its next picture says so."""
    if outcome is Outcome.SOLD_OUT:
        part.phase = Phase.SOLD_OUT
    elif outcome is Outcome.CLOSED:
        part.phase = Phase.CLOSED
    elif outcome is Outcome.MISS:
        part.tokens = 0
