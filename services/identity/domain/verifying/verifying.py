"""What people can do with applications, and what providers can report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from services.identity.domain import bank_cards, names, people, resident_id
from services.identity.domain.attempts import Attempts
from services.identity.domain.errors import AlreadyVerifiedAsOther, CheckFailed
from services.identity.domain.people import Account, AccountId, PersonId, Tier
from services.identity.domain.ports import DrawBits, WallClock
from services.identity.domain.registration import Registration, draw_id
from services.identity.domain.verifying import progress
from services.identity.domain.verifying.application import Application, Confirmed, VerificationId, opened
from services.identity.domain.verifying.checks import CheckResult, Reference
from services.identity.domain.verifying.errors import (
    CheckContradicted,
    LevelReached,
    VerificationLimitReached,
    VerificationUnknown,
)
from services.identity.domain.verifying.photos import Photo, PhotoLimits, PhotoType, read_header
from services.identity.domain.verifying.ports import (
    ApplicationStore,
    Change,
    Drawn,
    Photos,
    Questions,
    Standing,
)
from services.identity.domain.verifying.progress import Told
from services.identity.domain.verifying.steps import (
    CardAndPhone,
    Evidence,
    NameAndNumber,
    StepKind,
    StepState,
)
from services.mesh.language import Language


@dataclass(frozen=True, slots=True)
class VerifyingLimits:
    """How much of everything there may be."""

    levels: Mapping[Tier, Sequence[StepKind]]
    """What each level asks for."""
    photo: PhotoLimits
    verifications_max: int
    """Applications of an account, over its lifetime."""
    submissions_max: int
    """How often an application may come back for other evidence; the last time ends it."""
    evidence_max: int
    """How often evidence may be given to one application."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: an account, proven by its login secret, and what its owner reads."""

    account_id: AccountId
    login_secret: str
    language: Language


class Verifying:
    """Takes evidence, hands applications in, and hears what providers say."""

    def __init__(
        self,
        store: ApplicationStore,
        questions: Questions,
        photos: Photos,
        registration: Registration,
        attempts: Attempts,
        clock: WallClock,
        draw_bits: DrawBits,
        limits: VerifyingLimits,
    ) -> None:
        self._store = store
        self._questions = questions
        self._photos = photos
        self._registration = registration
        self._attempts = attempts
        self._clock = clock
        self._draw_bits = draw_bits
        self._limits = limits

    async def start(self, asking: Asking, level: Tier) -> Standing:
        """The account's open application, or a new one for the level.

        Raises `AccountUnknown`, `SecretWrong`, `LevelReached`, `VerificationLimitReached`.
        """
        await self._registration.owned(asking.account_id, asking.login_secret)
        verification_id = VerificationId(draw_id(self._draw_bits))
        now_ms, limits = self._clock.now_ms(), self._limits

        def make(confirmed: Confirmed, tier: Tier, earlier: int) -> Application:
            if tier >= level:
                raise LevelReached(asking.account_id, tier)
            if earlier >= limits.verifications_max:
                raise self._limit_reached(asking, limits.verifications_max, "verifications")
            return opened(
                verification_id,
                asking.account_id,
                level,
                limits.levels[level],
                confirmed,
                limits.submissions_max,
                now_ms,
            )

        return await self._store.start(asking.account_id, make)

    async def put_name_and_number(
        self, asking: Asking, verification_id: VerificationId, name: str, number: str
    ) -> Standing:
        """Gives name and resident ID. Raises what `_put` raises, or a `CheckFailed` with its case."""

        def read(account: Account) -> NameAndNumber:
            today = people.date_in_beijing(self._clock.now_ms())
            given = NameAndNumber(names.parse(name), resident_id.parse(number, today))
            if account.person is not None and account.person.resident_id != given.resident_id:
                raise AlreadyVerifiedAsOther(account_id=account.account_id)
            return given

        return await self._put(
            asking, verification_id, StepKind.NAME_AND_NUMBER, (name, number), read, _nothing_to_keep
        )

    async def put_bank_card(
        self, asking: Asking, verification_id: VerificationId, number: str, phone: str
    ) -> Standing:
        """Gives a bank card. Raises what `_put` raises, or a `CheckFailed` with its case."""

        def read(_account: Account) -> CardAndPhone:
            return CardAndPhone(bank_cards.parse(number), phone)

        return await self._put(
            asking, verification_id, StepKind.BANK_CARD, (number, phone), read, _nothing_to_keep
        )

    async def put_photo(
        self,
        asking: Asking,
        verification_id: VerificationId,
        kind: StepKind,
        declared: PhotoType,
        content: bytes,
    ) -> Standing:
        """Gives a photo.

        Raises what `_put` raises, `ObjectStoreUnavailable`, or `PhotoRefused` with its case.
        """
        digest = self._photos.digest(content)

        def read(_account: Account) -> Photo:
            header = read_header(content, declared, self._limits.photo)
            return Photo(draw_id(self._draw_bits), header, digest)

        async def keep(photo: Evidence) -> None:
            assert isinstance(photo, Photo), "photos alone are kept outside"
            await self._photos.keep(photo, content, self._clock.now_ms())

        return await self._put(asking, verification_id, kind, (kind.name, digest.hex()), read, keep)

    async def submit(self, asking: Asking, verification_id: VerificationId) -> Standing:
        """Hands an application in.

        Raises `AccountUnknown`, `SecretWrong`, `AttemptLimitReached`, `VerificationUnknown`,
        `VerificationIncomplete`.
        """
        with self._attempts.counted(asking.account_id) as others:
            attempt = await self._attempts.begin(asking.account_id, asking.login_secret, others)
            if attempt.limit_reached:
                raise self._attempts.refusal(asking.account_id, asking.language)
            now_ms = self._clock.now_ms()
            return await self._store.change(
                asking.account_id,
                verification_id,
                lambda application, _: progress.submitted(application, now_ms),
                now_ms,
            )

    async def get(self, asking: Asking, verification_id: VerificationId) -> Standing:
        """An application. Raises `AccountUnknown`, `SecretWrong`, `VerificationUnknown`."""
        await self._registration.owned(asking.account_id, asking.login_secret)
        return await self._found(asking.account_id, verification_id)

    async def get_beyond(
        self,
        asking: Asking,
        verification_id: VerificationId,
        version: int,
        wait_s: float,
        monotonic_s: Callable[[], float],
    ) -> Standing:
        """As `get`, as soon as it is another version than that, or the time is over."""
        ends_s = monotonic_s() + wait_s
        standing = await self.get(asking, verification_id)
        while standing.application.version == version and (left_s := ends_s - monotonic_s()) > 0:
            await self._store.wait_beyond(verification_id, left_s)
            standing = await self._found(asking.account_id, verification_id)
        return standing

    async def listed(
        self, asking: Asking, before: VerificationId | None, before_ms: int, limit: int
    ) -> Sequence[Standing]:
        """The account's applications, the newest first. Raises `AccountUnknown`, `SecretWrong`."""
        await self._registration.owned(asking.account_id, asking.login_secret)
        return await self._store.listed(asking.account_id, before, before_ms, limit)

    async def accounts(self, asking: Asking, after: int, limit: int) -> Sequence[Account]:
        """Accounts of the person behind the account. Raises `AccountUnknown`, `SecretWrong`."""
        await self._registration.owned(asking.account_id, asking.login_secret)
        return await self._store.accounts_of(asking.account_id, after, limit)

    async def report(self, reference: Reference, result: CheckResult, trace_context: str = "") -> Told:
        """Takes a provider's word.

        Raises `CheckUnknown`, `CheckResultUnfit`, and, once it is on record, `CheckContradicted`.
        """
        now_ms = self._clock.now_ms()
        drawn = Drawn(
            PersonId(draw_id(self._draw_bits)),
            draw_id(self._draw_bits),
            people.case_number(now_ms, self._draw_bits(40)),
        )
        told = await self._questions.told(reference, result, drawn, now_ms, trace_context)
        if told.contradicted is not None:
            raise CheckContradicted(reference, told.contradicted.name)
        return told

    async def _found(self, account_id: AccountId, verification_id: VerificationId) -> Standing:
        standing = await self._store.find(account_id, verification_id)
        if standing is None:
            raise VerificationUnknown(account_id, verification_id)
        return standing

    async def _put(
        self,
        asking: Asking,
        verification_id: VerificationId,
        kind: StepKind,
        typed: tuple[str, ...],
        read: Callable[[Account], Evidence],
        keep: Callable[[Evidence], Awaitable[None]],
    ) -> Standing:
        """Gives evidence, kept before an application refers to it.

        Raises `AccountUnknown`, `SecretWrong`, `VerificationUnknown`, `VerificationEnded`,
        `VerificationUnderWay`, `StepNotAsked`, `VerificationLimitReached`, `AttemptLimitReached`.
        """
        with self._attempts.counted(asking.account_id) as others:
            attempt = await self._attempts.begin(asking.account_id, asking.login_secret, others)
            application = (await self._found(asking.account_id, verification_id)).application
            if attempt.limit_reached:
                raise self._attempts.refusal(asking.account_id, asking.language)
            try:
                evidence = read(attempt.standing.account)
            except CheckFailed as failure:
                raise await self._attempts.with_case(
                    failure, asking.account_id, typed, asking.language
                ) from None
            now_ms = self._clock.now_ms()
            change = self._change(asking, kind, evidence, now_ms)
            if not _is_there(application, kind, evidence):
                # Refused before anything is kept, where that is known already.
                change(application, Confirmed())
                await keep(evidence)
            return await self._store.change(asking.account_id, verification_id, change, now_ms)

    def _change(self, asking: Asking, kind: StepKind, evidence: Evidence, now_ms: int) -> Change:
        def change(application: Application, confirmed: Confirmed) -> Application:
            changed = application.put(kind, evidence, now_ms, confirmed.banks)
            if changed.evidence_count > self._limits.evidence_max:
                raise self._limit_reached(asking, self._limits.evidence_max, "evidence")
            return changed

        return change

    def _limit_reached(self, asking: Asking, limit: int, counted: str) -> VerificationLimitReached:
        return VerificationLimitReached(asking.account_id, limit, counted, language=asking.language)


async def _nothing_to_keep(_evidence: Evidence) -> None:
    """What is typed is kept with the application itself."""


def _is_there(application: Application, kind: StepKind, evidence: Evidence) -> bool:
    states = (StepState.GIVEN, StepState.UNANSWERED)
    return any(
        step.kind is kind and step.evidence == evidence and step.state in states for step in application.steps
    )
