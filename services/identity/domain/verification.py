"""Finding out who is behind an account."""

from __future__ import annotations

from services.identity.domain import names, people, resident_id
from services.identity.domain.attempts import Attempts
from services.identity.domain.errors import (
    AlreadyVerifiedAsOther,
    CheckFailed,
    NameMismatch,
    ResidentIdUnknown,
)
from services.identity.domain.people import Account, AccountId, Person, PersonId, Tier, Verified
from services.identity.domain.ports import (
    AccountStore,
    DrawBits,
    PopulationRegistry,
    RegistryAnswer,
    WallClock,
)
from services.identity.domain.registration import draw_id
from services.mesh.language import Language


class Verification:
    """Checks names and resident IDs, step by step, and ties accounts to people."""

    def __init__(
        self,
        store: AccountStore,
        registry: PopulationRegistry,
        attempts: Attempts,
        clock: WallClock,
        draw_bits: DrawBits,
    ) -> None:
        self._store = store
        self._registry = registry
        self._attempts = attempts
        self._clock = clock
        self._draw_bits = draw_bits

    async def verify(
        self,
        account_id: AccountId,
        login_secret: str,
        name: str,
        number: str,
        language: Language,
        trace_context: str = "",
    ) -> Verified:
        """Ties the account to the person of this name and resident ID; a repeat returns the same person.

        Raises `AccountUnknown`, `SecretWrong`, `AttemptLimitReached`, or a `CheckFailed` with its case.
        """
        with self._attempts.counted(account_id) as others:
            attempt = await self._attempts.begin(account_id, login_secret, others)
            account = attempt.standing.account
            # Whoever is verified already may repeat the call that succeeded as often as retries ask for.
            if attempt.limit_reached and account.person is None:
                raise self._attempts.refusal(account_id, language)
            try:
                return await self._check(account, name, number, trace_context)
            except CheckFailed as failure:
                if attempt.limit_reached:
                    raise self._attempts.refusal(account_id, language) from None
                raise await self._attempts.with_case(failure, account_id, (name, number), language) from None

    async def _check(
        self, account: Account, name_text: str, number_text: str, trace_context: str
    ) -> Verified:
        now_ms = self._clock.now_ms()
        name = names.parse(name_text)
        number = resident_id.parse(number_text, people.date_in_beijing(now_ms))
        if account.person is not None:
            if account.person.resident_id != number:
                raise AlreadyVerifiedAsOther(account_id=account.account_id)
            if account.person.name == name:
                return Verified.by(account.person, account.provisional_id)
            # Someone may have changed their name: the registry knows.
        answer = await self._registry.match(name, number)
        if answer is RegistryAnswer.NUMBER_UNKNOWN:
            raise ResidentIdUnknown
        if answer is RegistryAnswer.OTHER_NAME:
            raise NameMismatch
        # Name and number match is one outside channel, which makes tier I.
        candidate = Person(PersonId(draw_id(self._draw_bits)), name, number, Tier.I)
        return await self._store.tie(account.account_id, candidate, now_ms, trace_context)
