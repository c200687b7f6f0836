"""Simulated providers in every mood, and what each of them knows."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter

import pytest

from services.identity.adapters.banks import SimulatedBanks
from services.identity.adapters.providers.simulated import Manners, SimulatedProviders
from services.identity.adapters.registry import SimulatedRegistry
from services.identity.domain import bank_cards, resident_id
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.names import PersonName
from services.identity.domain.ports import FourElements
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.identity.domain.simulated_people import registered_name
from services.identity.domain.verifying.checks import CheckResult, Reference
from services.identity.domain.verifying.errors import CheckContradicted, ObjectStoreUnavailable
from services.identity.domain.verifying.moods import MOOD_BY_SEQUENCE, PPM, Mood, Moods
from services.identity.domain.verifying.photos import Photo
from services.identity.domain.verifying.ports import Asked, DocumentShown, PhotoGone, ProviderSilent
from services.identity.domain.verifying.steps import NameAndNumber, StepKind
from services.mesh.clock import ManualClock
from tests.unit.identity.verifying.applications import photo

CONFIRMED = CheckResult.CONFIRMED
REPORT_S, SILENCE_S = 5.0, 1.0


class Album:
    """Photos by their number."""

    def __init__(self, **seen: bytes) -> None:
        self.seen = {int(StepKind[name.upper()]): content for name, content in seen.items()}
        self.failure: Exception | None = None

    def digest(self, content: bytes) -> bytes:
        return content

    async def keep(self, photo: Photo, content: bytes, now_ms: int) -> None:
        del now_ms
        self.seen[photo.photo_id] = content

    async def read(self, photo: Photo) -> bytes:
        if self.failure is not None:
            raise self.failure
        return self.seen[photo.photo_id]


def named(sequence: int) -> NameAndNumber:
    number = resident_id.make("110105", dt.date(1990, 5, 1), sequence)
    return NameAndNumber(PersonName(registered_name(number)), ResidentId(number))


def shown(sequence: int = 11) -> DocumentShown:
    return DocumentShown(
        named(sequence), {kind: photo(b"digest", int(kind)) for kind in (StepKind(2), StepKind(4))}
    )


class World:
    """Providers, their clock, and what they have reported."""

    def __init__(self, moods: Moods | None = None, album: Album | None = None) -> None:
        self.clock = ManualClock()
        self.album = album or Album(photo_front=b"front" * 20, photo_hand_held=b"holding" * 20)
        registry = SimulatedRegistry(self.clock, seed=2016, latency_ms=0, timeout_ms=100, questions_max=8)
        banks = SimulatedBanks(self.clock, seed=2016, latency_ms=0, timeout_ms=100, questions_max=8)
        manners = Manners(
            seed=2016,
            moods=moods or Moods(),
            authority_latency_ms=0,
            silence_ms=int(SILENCE_S * 1000),
            report_after_ms=int(REPORT_S * 1000),
            reports_max=3,
        )
        self.providers = SimulatedProviders(self.clock, registry, banks, self.album, manners)
        self.providers.report = self.hear
        self.heard: list[tuple[Reference, CheckResult]] = []

    async def hear(self, reference: Reference, result: CheckResult) -> None:
        self.heard.append((reference, result))
        if len(self.heard) > 1:
            raise CheckContradicted(reference, result.name)

    async def ask(self, asked: Asked, reference: str = "V1-registry-1") -> CheckResult | None:
        """The answer, or None for silence."""
        asking = asyncio.ensure_future(self.providers.ask(Reference(reference), asked))
        for _ in range(10):
            await asyncio.sleep(0)
        if not asking.done():
            await self.clock.advance(SILENCE_S)
        try:
            return await asking
        except ProviderSilent:
            return None


@pytest.mark.parametrize(
    ("sequence", "answers", "reports"),
    [
        (11, [CONFIRMED, CONFIRMED], []),
        (991, [None, CONFIRMED], []),
        (992, [CONFIRMED], [CheckResult.OTHER_NAME]),
        (993, [CONFIRMED], [CONFIRMED]),
        # Asked again it says nothing again, and reports once.
        (994, [None, None], [CONFIRMED]),
        (998, [CheckResult.NUMBER_UNKNOWN], []),
        (999, [None], []),
    ],
)
async def test_special_people_are_answered_about_in_special_ways(
    sequence: int, answers: list[CheckResult | None], reports: list[CheckResult]
) -> None:
    world = World()
    assert [await world.ask(named(sequence)) for _ in answers] == answers
    assert world.heard == []
    await world.clock.advance(REPORT_S)
    assert [result for _, result in world.heard] == reports


@pytest.mark.parametrize(
    ("sequence", "answer"),
    [
        (11, CONFIRMED),
        (995, CheckResult.DOCUMENT_FORGED),
        (996, CheckResult.DOCUMENT_EXPIRED),
        (997, None),
    ],
)
async def test_the_authority_knows_documents_by_their_number(
    sequence: int, answer: CheckResult | None
) -> None:
    assert await World().ask(shown(sequence)) is answer


async def test_the_authority_looks_at_the_photos() -> None:
    same = Album(photo_front=b"face" * 30, photo_hand_held=b"face" * 30)
    assert await World(album=same).ask(shown()) is CheckResult.OTHER_FACE
    empty = Album(photo_front=b"face" * 30, photo_hand_held=b"too little")
    assert await World(album=empty).ask(shown()) is CheckResult.PHOTO_UNREADABLE
    gone, away = World(), World()
    gone.album.failure, away.album.failure = PhotoGone(), ObjectStoreUnavailable()
    assert await gone.ask(shown()) is CheckResult.PHOTO_UNREADABLE
    # Nothing is wrong with photos that cannot be read now: the question waits.
    assert await away.ask(shown()) is None


async def test_banks_are_asked_about_four_elements() -> None:
    person = named(11)
    number = person.resident_id.number
    card = bank_cards.parse(issued_card(BANKS[0], number))
    right = FourElements(person.name, person.resident_id, card, reserved_phone(number))
    wrong = FourElements(person.name, person.resident_id, card, "13900139000")
    assert await World().ask(right) is CONFIRMED
    assert await World().ask(wrong) is CheckResult.OTHER_PHONE


async def test_reports_on_their_way_are_bounded_and_a_refused_one_hurts_nobody() -> None:
    world = World(Moods(twice_ppm=PPM))
    for number in range(5):
        assert await world.ask(named(11), f"V{number}-registry-1") is CONFIRMED
    await world.clock.advance(REPORT_S)
    assert len(world.heard) == 3


def test_moods_are_met_as_often_as_they_should_and_always_by_the_same_question() -> None:
    moods = Moods(
        late_ppm=100_000, twice_ppm=200_000, contradicting_ppm=50_000, failing_ppm=150_000, silent_ppm=100_000
    )
    person = named(11).resident_id
    met = Counter(moods.of(Reference(f"V{number}-bank1-1"), person, 2016) for number in range(4_000))
    for mood, share in {Mood.LATE: 0.1, Mood.TWICE: 0.2, Mood.CONTRADICTING: 0.05, Mood.PROMPT: 0.4}.items():
        assert abs(met[mood] / 4_000 - share) < 0.03, mood
    again = Counter(moods.of(Reference(f"V{number}-bank1-1"), person, 2016) for number in range(4_000))
    assert again == met
    assert MOOD_BY_SEQUENCE[994] is Mood.LATE


async def test_without_moods_everybody_is_answered_at_once() -> None:
    world = World()
    assert {await world.ask(named(sequence)) for sequence in range(20)} == {CONFIRMED}
    await world.clock.advance(REPORT_S)
    assert world.heard == []
