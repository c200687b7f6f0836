"""Whoever dies at an application, and whatever is lost: each answer counts once, on real databases."""

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.domain.bank_cards import BANKS
from services.identity.domain.errors import IdentityError
from services.identity.domain.evidence import tier_of
from services.identity.domain.people import Tier
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.identity.domain.simulated_people import registered_name
from services.identity.domain.verifying.application import ENDED, Application, VerificationId
from services.identity.domain.verifying.checks import FAILURES, CheckKind, CheckResult
from services.identity.domain.verifying.photos import PhotoType
from services.identity.domain.verifying.ports import Taken
from services.identity.domain.verifying.steps import StepKind
from services.identity.domain.verifying.verifying import Asking
from services.mesh.errors import ServiceError
from tests.integration.people_databases import Abort, database_url
from tests.integration.verifying_office import LEASE_MS, NUMBER, Office, offices
from tests.unit.identity.verifying.test_photos import png

__all__ = ["database_url"]

CONFIRMED = CheckResult.CONFIRMED
_ids = itertools.count(2**62)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "ask", "ask", "ask", "die", "report", "wait", "give", "submit"]),
        st.integers(0, 11),
    ),
    min_size=10,
    max_size=25,
)
COMMITS = st.sets(st.integers(1, 30), max_size=4)


@settings(max_examples=5, deadline=None)
@given(ACTIONS, COMMITS, COMMITS)
async def test_each_answer_counts_once_whatever_is_lost(
    actions: list[tuple[str, int]], before: set[int], after: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await play(f"sqlite:{folder}", actions, before, after)


async def test_the_same_holds_on_every_database(database_url: str) -> None:
    draw = random.Random(7)  # noqa: S311 - a test, not a secret
    kinds = ("take", "ask", "ask", "die", "report", "wait", "give", "submit")
    actions = [(draw.choice(kinds), draw.randrange(12)) for _ in range(60)]
    await play(database_url, actions, {4, 13, 30}, {7, 21})


async def play(url: str, actions: list[tuple[str, int]], before: set[int], after: set[int]) -> None:
    """Two replicas at one application: processes die, commits and answers are lost."""
    async with offices(url, count=2, submissions_max=100) as replicas:
        (office, _), _ = replicas
        asking = await office.registered()
        verification_id = await office.handed_in(asking, Tier.III)
        for _, database in replicas:
            Abort(database._engine, before, after)
        world = World([office for office, _ in replicas], asking, verification_id)
        for action, which in actions:
            try:
                await getattr(world, action)(which)
            except ServiceError:
                continue
        await world.expect_everything_once()
        await world.bring_to_an_end()
        await world.expect_everything_once()


class World:
    """Two replicas of the office, and what each of them has in its hands."""

    def __init__(self, replicas: list[Office], asking: Asking, verification_id: VerificationId) -> None:
        self.replicas, self.asking, self.verification_id = replicas, asking, verification_id
        self.hands: list[list[Taken]] = [[], []]
        self.results: dict[str, CheckResult] = {}

    def office(self, which: int) -> Office:
        return self.replicas[which % 2]

    async def application(self) -> Application:
        return (await self.office(0).people.get(self.asking, self.verification_id)).application

    async def take(self, which: int) -> None:
        office = self.office(which)
        self.hands[which % 2] += await office.questions.take(office.clock.now_ms(), LEASE_MS, 10)

    async def ask(self, which: int) -> None:
        office, hand = self.office(which), self.hands[which % 2]
        if hand:
            question = hand.pop(which % len(hand))
            check = question.reference.split("-")[1]
            office.providers.script[check] = [self.word(check, which)]
            await office.desk.ask(question)

    async def die(self, which: int) -> None:
        self.hands[which % 2].clear()

    async def report(self, which: int) -> None:
        questions = (await self.application()).questions
        question = questions[which % len(questions)]
        word = self.word(question.reference.split("-")[1], which)
        if word is not None:
            await self.office(which).people.report(question.reference, word)

    async def wait(self, which: int) -> None:
        await self.office(0).clock.advance(which * LEASE_MS / 5_000)

    async def give(self, which: int) -> None:
        card = issued_card(BANKS[which % 10], NUMBER, which % 3)
        people = self.office(which).people
        await people.put_bank_card(self.asking, self.verification_id, card, reserved_phone(NUMBER))

    async def submit(self, which: int) -> None:
        await self.office(which).people.submit(self.asking, self.verification_id)

    def word(self, check: str, which: int) -> CheckResult | None:
        """Anything a provider can say, or nothing; more often than not that all is right."""
        kind = CheckKind[check.rstrip("123").upper()]
        return [CONFIRMED, CONFIRMED, CONFIRMED, None, next(iter(FAILURES[kind]))][which % 5]

    async def bring_to_an_end(self) -> None:
        """Nobody dies any more, and providers confirm: then everybody is verified, or rejected."""
        office = self.office(0)
        office.providers.script.clear()
        for _ in range(12):
            if (application := await self.application()).state in ENDED:
                return
            for step in application.steps:
                if step.state.name == "REFUSED":
                    await self._give_again(step.kind)
            with contextlib.suppress(IdentityError):
                await office.people.submit(self.asking, self.verification_id)
            await office.clock.advance(2 * LEASE_MS / 1000)
            await office.work()
        raise AssertionError(await self.application())

    async def _give_again(self, kind: StepKind) -> None:
        """Other evidence, whatever it is that is asked for."""
        people, asking = self.office(0).people, self.asking
        with contextlib.suppress(IdentityError):
            if kind is StepKind.NAME_AND_NUMBER:
                await people.put_name_and_number(
                    asking, self.verification_id, registered_name(NUMBER), NUMBER
                )
            elif kind is not StepKind.BANK_CARD:
                content = png(800, 600) + bytes([next(_ids) % 256])
                await people.put_photo(asking, self.verification_id, kind, PhotoType.PNG, content)
        for bank in BANKS if kind is StepKind.BANK_CARD else ():
            with contextlib.suppress(IdentityError):
                card = issued_card(bank, NUMBER)
                await people.put_bank_card(asking, self.verification_id, card, reserved_phone(NUMBER))

    async def expect_everything_once(self) -> None:
        """What is on record is what the counted answers say, each of them once, in tables and feed alike."""
        office = self.office(0)
        standing = await office.people.get(self.asking, self.verification_id)
        counted = [
            question
            for question in standing.application.questions
            if question.counted and question.result is CONFIRMED
        ]
        kinds = [question.kind for question in counted]
        checks = [(question.kind, question.ordinal) for question in counted]
        assert len(checks) == len(set(checks))
        for question in standing.application.questions:
            if question.result is not None:
                assert self.results.setdefault(question.reference, question.result) is question.result
        events = await office.events()
        assert (standing.holder is not None) == (CheckKind.REGISTRY in kinds)
        assert events.count("PersonVerified") == kinds.count(CheckKind.REGISTRY)
        if standing.holder is not None:
            cards = await office.cards.listed(standing.holder.person_id)
            assert events.count("CardBound") == len(cards)
            banks = {card.bank.code for card in cards}
            assert standing.holder.tier == tier_of(len(banks), kinds.count(CheckKind.AUTHORITY))
