"""The office that verifies people step by step, and providers that say what a test wants."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.applications import SqlApplicationStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.confirmations import Confirmations
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.photos.objects import ObjectMissing, ObjectStore
from services.identity.adapters.photos.sealed import SealedPhotos
from services.identity.adapters.providers.desk import DeskTerms, ProviderDesk
from services.identity.adapters.questions import SqlQuestions
from services.identity.adapters.tables import schema
from services.identity.adapters.vault import Vault
from services.identity.domain.attempts import AttemptLimit, Attempts
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.people import Tier
from services.identity.domain.registration import Registration
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.identity.domain.simulated_people import registered_name
from services.identity.domain.verifying.application import VerificationId
from services.identity.domain.verifying.checks import CheckResult, Pauses, Reference
from services.identity.domain.verifying.photos import PhotoLimits, PhotoType
from services.identity.domain.verifying.ports import Asked, ProviderSilent
from services.identity.domain.verifying.steps import PHOTOS, StepKind, StepState
from services.identity.domain.verifying.verifying import Asking, Verifying, VerifyingLimits
from services.identity.settings import IdentitySettings
from services.mesh.clock import ManualClock
from services.mesh.database.database import Database
from services.mesh.language import Language
from tests.integration.people_databases import identity_vault, opened
from tests.unit.identity.verifying.test_photos import png

NUMBER: Final = "11010519491231002X"
LEASE_MS: Final = 30_000
_draws = itertools.count(2**61)


class Nowhere:
    """Photos in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, name: str, content: bytes) -> None:
        self.kept[name] = content

    async def get(self, name: str) -> bytes:
        if name not in self.kept:
            raise ObjectMissing(name)
        return self.kept[name]

    async def delete(self, name: str) -> None:
        self.kept.pop(name, None)

    async def close(self) -> None:
        return


@dataclass(slots=True)
class Said:
    """Providers who say what they are told to, one thing after the other; then that all is right."""

    script: dict[str, list[CheckResult | None]] = field(default_factory=dict)
    """By check, such as `registry` or `bank1`; None is silence."""
    asked: list[Reference] = field(default_factory=list)

    async def ask(self, reference: Reference, asked: Asked) -> CheckResult:
        del asked
        self.asked.append(reference)
        lines = self.script.get(reference.split("-")[1], [])
        said = lines.pop(0) if lines else CheckResult.CONFIRMED
        if said is None:
            raise ProviderSilent
        return said


@dataclass(frozen=True, slots=True)
class Office:
    """One process of the service, as far as it verifies people."""

    clock: ManualClock
    accounts: SqlAccountStore
    feed: SqlPersonFeed
    cards: SqlCardStore
    store: SqlApplicationStore
    questions: SqlQuestions
    photos: SealedPhotos
    people: Verifying
    registration: Registration
    desk: ProviderDesk
    providers: Said

    async def registered(self) -> Asking:
        registered = await self.registration.register(str(uuid.uuid4()), "13800138000", "小明")
        return Asking(registered.account_id, registered.login_secret, Language.ENGLISH)

    async def completed(self, asking: Asking, level: Tier = Tier.II, number: str = NUMBER) -> VerificationId:
        """An application with all that it asks for, not handed in."""
        application = (await self.people.start(asking, level)).application
        verification_id = application.verification_id
        for step in application.steps:
            if step.state is StepState.PASSED:
                continue
            if step.kind is StepKind.NAME_AND_NUMBER:
                name = registered_name(number)
                await self.people.put_name_and_number(asking, verification_id, name, number)
            elif step.kind in PHOTOS:
                content = png(800, 600) + step.kind.name.encode()
                await self.people.put_photo(asking, verification_id, step.kind, PhotoType.PNG, content)
            elif step.kind is StepKind.BANK_CARD:
                card = issued_card(BANKS[step.ordinal], number)
                await self.people.put_bank_card(asking, verification_id, card, reserved_phone(number))
        return verification_id

    async def handed_in(self, asking: Asking, level: Tier = Tier.II, number: str = NUMBER) -> VerificationId:
        verification_id = await self.completed(asking, level, number)
        await self.people.submit(asking, verification_id)
        return verification_id

    async def work(self, rounds: int = 20) -> None:
        """Asks whatever is due, until nothing is."""
        for _ in range(rounds):
            taken = await self.questions.take(self.clock.now_ms(), LEASE_MS, 100)
            if not taken:
                return
            for question in taken:
                await self.desk.ask(question)

    async def events(self) -> Sequence[str]:
        """What the feed has told, by name."""
        found = await self.feed.read(0, 10_000, 0, 1)
        assert [numbered.seq for numbered in found.events] == list(range(1, found.last_seq + 1))
        return [type(numbered.event).__name__ for numbered in found.events]


def open_office(
    database: Database,
    vault: Vault,
    clock: ManualClock,
    *,
    objects: ObjectStore | None = None,
    tries_max: int = 3,
    submissions_max: int = 3,
) -> Office:
    """An office over a database; several are replicas."""
    feed = SqlPersonFeed(database, clock)
    accounts = SqlAccountStore(database, vault, feed)
    cards = SqlCardStore(database, vault, feed, cards_max=4)
    store = SqlApplicationStore(database, vault, accounts, clock, poll_ms=50, rejected_photos_kept_ms=1_000)
    questions = SqlQuestions(database, vault, accounts, store, Confirmations(accounts, cards, feed))
    photos = SealedPhotos(database, vault, objects or Nowhere(), grace_ms=60_000)
    registration = Registration(accounts, clock, _draw, b"key")
    attempts = Attempts(accounts, clock, _draw, AttemptLimit(50, 86_400))
    settings = IdentitySettings(identity_key_file="unused")
    limits = VerifyingLimits(settings.levels, PhotoLimits(), 10, submissions_max, 40)
    people = Verifying(store, questions, photos, registration, attempts, clock, _draw, limits)
    said = Said()
    pauses = Pauses(tries_max=tries_max, first_ms=1_000, longest_ms=4_000)
    terms = DeskTerms(questions_max=8, lease_ms=LEASE_MS, poll_ms=50, pauses=pauses)
    desk = ProviderDesk(questions, said, people.report, store.rest, clock, _draw, terms)
    return Office(clock, accounts, feed, cards, store, questions, photos, people, registration, desk, said)


def _draw(bits: int) -> int:
    return next(_draws) % (1 << bits)


@asynccontextmanager
async def offices(
    url: str,
    count: int = 1,
    *,
    objects: ObjectStore | None = None,
    tries_max: int = 3,
    submissions_max: int = 3,
) -> AsyncIterator[list[tuple[Office, Database]]]:
    """Replicas over one database, with one clock."""
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        opened_here = []
        for _ in range(count):
            told = IdentitySettings(database_url=url, identity_key_file="unused")
            database = await stack.enter_async_context(opened(told, schema))
            office = open_office(
                database,
                identity_vault(database),
                clock,
                objects=objects,
                tries_max=tries_max,
                submissions_max=submissions_max,
            )
            opened_here.append((office, database))
        yield opened_here
