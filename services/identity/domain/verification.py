"""Finding out who is behind an account."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from services.identity.domain import names, people, resident_id, secret
from services.identity.domain.errors import (
    AccountUnknown,
    AlreadyVerifiedAsOther,
    AttemptLimitReached,
    CheckFailed,
    NameMismatch,
    ResidentIdUnknown,
    SecretWrong,
)
from services.identity.domain.people import Account, AccountId, FailedCheck, Person, PersonId, Standing, Tier
from services.identity.domain.ports import AccountStore, PopulationRegistry, RegistryAnswer, WallClock
from services.identity.domain.registration import DrawBits, draw_id
from services.mesh.language import Language


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """How many checks of an account may fail within a time: nobody finds a name or a number by guessing."""

    failures_max: int
    window_s: int


class Verification:
    """Checks names and resident IDs, step by step, and ties accounts to people."""

    def __init__(
        self,
        store: AccountStore,
        registry: PopulationRegistry,
        clock: WallClock,
        draw_bits: DrawBits,
        limit: AttemptLimit,
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._draw_bits = draw_bits
        self._limit = limit
        self._under_way: Counter[AccountId] = Counter()

    async def verify(
        self, account_id: AccountId, login_secret: str, name: str, number: str, language: Language
    ) -> Person:
        """Ties the account to the person of this name and resident ID; a repeat returns the same person.

        Raises `AccountUnknown`, `SecretWrong`, `AttemptLimitReached`, or a `CheckFailed` with its case.
        """
        # Counted before the first wait: of two checks at once at least one knows of the other.
        others = self._under_way[account_id]
        self._under_way[account_id] += 1
        try:
            return await self._verify(account_id, login_secret, name, number, language, others)
        finally:
            self._under_way[account_id] -= 1
            if not self._under_way[account_id]:
                del self._under_way[account_id]

    async def _verify(
        self,
        account_id: AccountId,
        login_secret: str,
        name: str,
        number: str,
        language: Language,
        checks_under_way: int,
    ) -> Person:
        standing = await self._standing(account_id, login_secret)
        # A check under way may fail: whoever guesses many at once must not get more than one after the other.
        limit_reached = standing.failed_checks + checks_under_way >= self._limit.failures_max
        # Whoever is verified already may repeat the call that succeeded as often as retries ask for.
        if limit_reached and standing.account.person is None:
            raise self._refusal(account_id, language)
        try:
            return await self._check(standing.account, name, number)
        except CheckFailed as failure:
            if limit_reached:
                raise self._refusal(account_id, language) from None
            raise await self._with_case(failure, account_id, name, number, language) from None

    async def _standing(self, account_id: AccountId, login_secret: str) -> Standing:
        since_ms = self._clock.now_ms() - 1000 * self._limit.window_s
        standing = await self._store.standing(account_id, since_ms)
        if standing is None:
            raise AccountUnknown(account_id)
        if not secret.matches(login_secret, standing.account.secret):
            raise SecretWrong(account_id)
        return standing

    def _refusal(self, account_id: AccountId, language: Language) -> AttemptLimitReached:
        return AttemptLimitReached(
            account_id, limit=self._limit.failures_max, window_s=self._limit.window_s, language=language
        )

    async def _check(self, account: Account, name_text: str, number_text: str) -> Person:
        now_ms = self._clock.now_ms()
        name = names.parse(name_text)
        number = resident_id.parse(number_text, people.date_in_beijing(now_ms))
        if account.person is not None:
            if account.person.resident_id != number:
                raise AlreadyVerifiedAsOther(account_id=account.account_id)
            if account.person.name == name:
                return account.person
            # Someone may have changed their name: the registry knows.
        answer = await self._registry.match(name, number)
        if answer is RegistryAnswer.NUMBER_UNKNOWN:
            raise ResidentIdUnknown
        if answer is RegistryAnswer.OTHER_NAME:
            raise NameMismatch
        # Name and number match is one outside channel, which makes tier I.
        candidate = Person(PersonId(draw_id(self._draw_bits)), name, number, Tier.I)
        return await self._store.tie(account.account_id, candidate, now_ms)

    async def _with_case(
        self, failure: CheckFailed, account_id: AccountId, name: str, number: str, language: Language
    ) -> CheckFailed:
        # An outage is one case whatever was typed; a mistake is one case for each thing typed.
        typed = (name, number) if failure.counts else ("", "")
        failed = FailedCheck(account_id, failure.reason, failure.step, *typed, failure.counts)
        now_ms = self._clock.now_ms()
        case = await self._store.open_case(failed, people.case_number(now_ms, self._draw_bits(40)), now_ms)
        return failure.with_case(case.case_number, language)
