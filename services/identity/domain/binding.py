"""Bank cards of verified people: binding them, with what the banks say, and taking them away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.identity.domain import bank_cards
from services.identity.domain.attempts import Attempts
from services.identity.domain.bank_cards import BankCard, CardNumber
from services.identity.domain.errors import CardRefused, CheckFailed, NotVerified
from services.identity.domain.people import Account, AccountId, CardId, Person, Tier
from services.identity.domain.ports import (
    BankAnswer,
    Banks,
    CardStore,
    DrawBits,
    FourElements,
    NewCard,
    WallClock,
)
from services.identity.domain.registration import Registration, draw_id
from services.mesh.language import Language

_STEPS = {
    BankAnswer.NO_SUCH_CARD: "card",
    BankAnswer.OTHER_RESIDENT_ID: "resident_id",
    BankAnswer.OTHER_NAME: "name",
    BankAnswer.OTHER_PHONE: "phone",
}
"""The element that differs, as the contract names it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A card, and what its bank's word makes of its person."""

    card: BankCard
    tier: Tier


class CardBinding:
    """Keeps the cards of verified people."""

    def __init__(
        self,
        cards: CardStore,
        banks: Banks,
        registration: Registration,
        attempts: Attempts,
        clock: WallClock,
        draw_bits: DrawBits,
    ) -> None:
        self._cards = cards
        self._banks = banks
        self._registration = registration
        self._attempts = attempts
        self._clock = clock
        self._draw_bits = draw_bits

    async def bind(
        self,
        account_id: AccountId,
        login_secret: str,
        number_text: str,
        phone: str,
        language: Language,
        trace_context: str = "",
    ) -> Bound:
        """Binds a card that its bank confirms; a repeat returns the same card.

        Raises `AccountUnknown`, `SecretWrong`, `NotVerified`, `AttemptLimitReached`, `CardLimitReached`, or a
        `CheckFailed` with its case.
        """
        with self._attempts.counted(account_id) as others:
            attempt = await self._attempts.begin(account_id, login_secret, others)
            person = _verified(attempt.standing.account, language)
            try:
                number = bank_cards.parse(number_text)
                kept = await self._cards.bound(person.person_id, number)
                if kept is not None and kept.phone == phone:
                    return Bound(kept, person.tier)
                if attempt.limit_reached:
                    raise self._attempts.refusal(account_id, language)
                await self._ask_bank(FourElements(person.name, person.resident_id, number, phone))
            except CheckFailed as failure:
                if attempt.limit_reached:
                    raise self._attempts.refusal(account_id, language) from None
                typed = (number_text, phone)
                raise await self._attempts.with_case(failure, account_id, typed, language) from None
            return await self._keep(account_id, person, number, phone, language, trace_context)

    async def listed(
        self, account_id: AccountId, login_secret: str, language: Language
    ) -> Sequence[BankCard]:
        """The person's cards, oldest first. Raises `AccountUnknown`, `SecretWrong`, `NotVerified`."""
        person = _verified(await self._registration.owned(account_id, login_secret), language)
        return await self._cards.listed(person.person_id)

    async def unbind(
        self,
        account_id: AccountId,
        login_secret: str,
        card_id: CardId,
        language: Language,
        trace_context: str = "",
    ) -> None:
        """Takes a card away; a repeat changes nothing.

        Raises `AccountUnknown`, `SecretWrong`, `NotVerified`, `CardUnknown`.
        """
        person = _verified(await self._registration.owned(account_id, login_secret), language)
        await self._cards.unbind(person.person_id, card_id, self._clock.now_ms(), trace_context)

    async def _ask_bank(self, elements: FourElements) -> None:
        answer = await self._banks.confirm(elements)
        if answer is not BankAnswer.CONFIRMED:
            raise CardRefused(_STEPS[answer], bank_name=elements.card.bank.name)

    async def _keep(
        self,
        account_id: AccountId,
        person: Person,
        number: CardNumber,
        phone: str,
        language: Language,
        trace_context: str,
    ) -> Bound:
        card = NewCard(
            card_id=CardId(draw_id(self._draw_bits)),
            person_id=person.person_id,
            number=number,
            phone=phone,
            bound_ms=self._clock.now_ms(),
        )
        kept, tier = await self._cards.bind(card, account_id, language, trace_context)
        return Bound(kept, tier)


def _verified(account: Account, language: Language) -> Person:
    if account.person is None:
        raise NotVerified(account.account_id, language=language)
    return account.person
