"""The desk that asks providers: takes up what is due, under a bound, and never loses a question.

It may be killed at any moment: what it has taken up is due again when the lease is over, under the same
reference, and what has been answered is not asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.identity.domain import people
from services.identity.domain.ports import DrawBits
from services.identity.domain.verifying.checks import CheckResult, Pauses, Reference
from services.identity.domain.verifying.ports import Providers, ProviderSilent, Questions, Taken
from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.logs import get_logger

_log = get_logger("identity.desk")

Hear = Callable[[Reference, CheckResult], Awaitable[object]]
"""Takes a provider's word: `Verifying.report`."""


@dataclass(frozen=True, slots=True)
class DeskTerms:
    """How the desk works."""

    questions_max: int
    """Questions that are asked at once."""
    lease_ms: int
    """How long a question is left to whoever took it up: longer than any provider is waited for."""
    poll_ms: int
    """Time between two looks for what is due."""
    pauses: Pauses


class ProviderDesk:
    """Asks providers for as long as the process lives."""

    def __init__(
        self,
        questions: Questions,
        providers: Providers,
        hear: Hear,
        rest: Callable[[float], Awaitable[None]],
        clock: Clock,
        draw_bits: DrawBits,
        terms: DeskTerms,
    ) -> None:
        """`rest` waits so many seconds at most, less when something may be due."""
        self._questions = questions
        self._providers = providers
        self._hear = hear
        self._rest = rest
        self._clock = clock
        self._draw_bits = draw_bits
        self._terms = terms
        self._asking: set[asyncio.Task[None]] = set()

    async def work(self) -> None:
        """Asks what is due, until it is cancelled."""
        try:
            while True:
                taken = await self._take()
                for question in taken:
                    self._begin(question)
                if not taken:
                    await self._rest(self._terms.poll_ms / 1000)
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    async def _take(self) -> list[Taken]:
        room = self._terms.questions_max - len(self._asking)
        if room <= 0:
            return []
        try:
            return list(await self._questions.take(self._clock.now_ms(), self._terms.lease_ms, room))
        except ServiceError as failure:
            # The database is busy or away; the questions are safe there.
            _log.warning("cannot take up questions", reason=failure.reason)
            return []

    def _begin(self, question: Taken) -> None:
        task = start_background(self.ask(question), f"ask a provider: {question.reference}")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def ask(self, question: Taken) -> None:
        """Asks one question, and puts on record what came of it."""
        failpoint("verification.taken")
        try:
            await self._answer(question)
        except ServiceError as failure:
            # Whatever was said is asked again under the same reference when the lease is over.
            _log.warning(
                "cannot put an answer on record", reference=question.reference, reason=failure.reason
            )

    async def _answer(self, question: Taken) -> None:
        # More tries than allowed are those of processes that died with the question in hand.
        is_lost = question.asked is None or question.tries > self._terms.pauses.tries_max
        if question.asked is None or is_lost:
            await self._give_up_or_wait(question)
            return
        try:
            result = await self._providers.ask(question.reference, question.asked)
        except ProviderSilent:
            await self._give_up_or_wait(question)
            return
        failpoint("verification.answered")
        await self._hear(question.reference, result)
        failpoint("verification.durable")

    async def _give_up_or_wait(self, question: Taken) -> None:
        now_ms = self._clock.now_ms()
        number = people.case_number(now_ms, self._draw_bits(40))
        await self._questions.unanswered(
            question.reference, question.tries, self._terms.pauses, number, now_ms
        )
