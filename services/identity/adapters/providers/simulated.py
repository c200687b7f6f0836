"""Simulated providers: what registry, ID authority and banks know, told in every way there is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from services.identity.domain.errors import CardBankUnavailable, ProviderUnavailable
from services.identity.domain.ports import (
    BankAnswer,
    Banks,
    FourElements,
    PopulationRegistry,
    RegistryAnswer,
)
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.verifying.checks import FAILURES, CheckKind, CheckResult, Reference
from services.identity.domain.verifying.moods import (
    SEQUENCE_EXPIRED,
    SEQUENCE_FORGED,
    SEQUENCE_UNLOOKED,
    Mood,
    Moods,
)
from services.identity.domain.verifying.ports import (
    Asked,
    DocumentShown,
    PhotoGone,
    Photos,
    ProviderSilent,
)
from services.identity.domain.verifying.steps import NameAndNumber, StepKind
from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger

_log = get_logger("identity.providers")

Report = Callable[[Reference, CheckResult], Awaitable[object]]
"""Where reports go: what `ReportCheck` calls."""

_REGISTRY: Final = {
    RegistryAnswer.MATCH: CheckResult.CONFIRMED,
    RegistryAnswer.OTHER_NAME: CheckResult.OTHER_NAME,
    RegistryAnswer.NUMBER_UNKNOWN: CheckResult.NUMBER_UNKNOWN,
}
_BANKS: Final = {
    BankAnswer.CONFIRMED: CheckResult.CONFIRMED,
    BankAnswer.NO_SUCH_CARD: CheckResult.NO_SUCH_CARD,
    BankAnswer.OTHER_RESIDENT_ID: CheckResult.OTHER_RESIDENT_ID,
    BankAnswer.OTHER_NAME: CheckResult.OTHER_NAME,
    BankAnswer.OTHER_PHONE: CheckResult.OTHER_PHONE,
}
_PHOTO_BYTES_MIN: Final = 64
"""A photo with less in it shows nothing."""
_MET_MAX: Final = 4_096
"""Questions that are remembered, so that a provider that fails once does so only once."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How simulated providers take their time."""

    seed: int
    moods: Moods
    authority_latency_ms: int
    """Time that the ID authority takes to look at photos."""
    silence_ms: int
    """How long anybody waits for a provider that does not answer."""
    report_after_ms: int
    """Time until a provider reports by itself."""
    reports_max: int
    """Reports on their way at once; providers forget further ones."""


class SimulatedProviders:
    """`Providers` who are asked in the background."""

    def __init__(
        self,
        clock: Clock,
        registry: PopulationRegistry,
        banks: Banks,
        photos: Photos,
        manners: Manners,
    ) -> None:
        self._clock = clock
        self._registry = registry
        self._banks = banks
        self._photos = photos
        self._manners = manners
        self._met: OrderedDict[Reference, None] = OrderedDict()
        self._on_their_way = 0
        self.report: Report | None = None
        """Where reports go; set once, when that is there."""

    async def ask(self, reference: Reference, asked: Asked) -> CheckResult:
        """See `Providers.ask`."""
        mood = self._manners.moods.of(reference, _person_of(asked), self._manners.seed)
        first = self._meet(reference)
        if mood is Mood.SILENT:
            await self._say_nothing()
        if mood is Mood.FAILING and first:
            raise ProviderSilent
        truth = await self._truth(asked)
        if mood is Mood.LATE:
            # Asked again it still says nothing, and reports once.
            if first:
                self._report_later(reference, truth)
            await self._say_nothing()
        if mood is Mood.TWICE:
            self._report_later(reference, truth)
        if mood is Mood.CONTRADICTING:
            self._report_later(reference, _otherwise(asked, truth))
        return truth

    async def _truth(self, asked: Asked) -> CheckResult:
        try:
            if isinstance(asked, NameAndNumber):
                return _REGISTRY[await self._registry.match(asked.name, asked.resident_id)]
            if isinstance(asked, FourElements):
                return _BANKS[await self._banks.confirm(asked)]
        except (ProviderUnavailable, CardBankUnavailable):
            raise ProviderSilent from None
        return await self._look_at(asked)

    async def _look_at(self, shown: DocumentShown) -> CheckResult:
        sequence = int(shown.person.resident_id.number[14:17])
        if sequence == SEQUENCE_UNLOOKED:
            await self._say_nothing()
        if self._manners.authority_latency_ms > 0:
            await self._clock.sleep(self._manners.authority_latency_ms / 1000)
        try:
            seen = {kind: await self._photos.read(photo) for kind, photo in shown.photos.items()}
        except PhotoGone:
            return CheckResult.PHOTO_UNREADABLE
        except ServiceError:
            # The store of photos is away, not the provider: the question waits alike.
            raise ProviderSilent from None
        if any(len(content) < _PHOTO_BYTES_MIN for content in seen.values()):
            return CheckResult.PHOTO_UNREADABLE
        holding = seen.get(StepKind.PHOTO_HAND_HELD)
        if holding is not None and holding == seen.get(StepKind.PHOTO_FRONT):
            return CheckResult.OTHER_FACE
        found = {SEQUENCE_EXPIRED: CheckResult.DOCUMENT_EXPIRED, SEQUENCE_FORGED: CheckResult.DOCUMENT_FORGED}
        return found.get(sequence, CheckResult.CONFIRMED)

    async def _say_nothing(self) -> None:
        await self._clock.sleep(self._manners.silence_ms / 1000)
        raise ProviderSilent

    def _meet(self, reference: Reference) -> bool:
        if reference in self._met:
            return False
        self._met[reference] = None
        if len(self._met) > _MET_MAX:
            self._met.popitem(last=False)
        return True

    def _report_later(self, reference: Reference, result: CheckResult) -> None:
        if self._on_their_way < self._manners.reports_max:
            self._on_their_way += 1
            start_background(self._send(reference, result), "a simulated provider's report")

    async def _send(self, reference: Reference, result: CheckResult) -> None:
        try:
            await self._clock.sleep(self._manners.report_after_ms / 1000)
            assert self.report is not None, "reports have a place to go before anybody is asked"  # noqa: S101 - an invariant
            await self.report(reference, result)
        except ServiceError as refusal:
            # Being told of its contradiction changes nothing for a provider; the case is with operators.
            _log.info("report refused", reference=reference, reason=refusal.reason)
        finally:
            self._on_their_way -= 1


def _person_of(asked: Asked) -> ResidentId:
    return asked.person.resident_id if isinstance(asked, DocumentShown) else asked.resident_id


def _otherwise(asked: Asked, truth: CheckResult) -> CheckResult:
    """Another result that fits the question."""
    if truth is not CheckResult.CONFIRMED:
        return CheckResult.CONFIRMED
    kinds = {
        NameAndNumber: CheckKind.REGISTRY,
        DocumentShown: CheckKind.AUTHORITY,
        FourElements: CheckKind.BANK,
    }
    return next(iter(FAILURES[kinds[type(asked)]]))
