"""Opening accounts, and proving that one is one's own."""

from __future__ import annotations

from dataclasses import dataclass

from services.identity.domain import secret
from services.identity.domain.cases.case import Case
from services.identity.domain.errors import AccountUnknown, CaseUnknown, SecretWrong
from services.identity.domain.people import ID_BITS, Account, AccountId, CaseNumber
from services.identity.domain.ports import AccountStore, DrawBits, WallClock
from services.identity.domain.privacy.errors import AccountErased


@dataclass(frozen=True, slots=True)
class Registered:
    """A new account, and its secret unless that has been used already."""

    account_id: AccountId
    login_secret: str


class Registration:
    """Opens accounts and knows their owners."""

    def __init__(
        self,
        store: AccountStore,
        clock: WallClock,
        draw_bits: DrawBits,
        secret_key: bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._draw_bits = draw_bits
        self._secret_key = secret_key

    async def register(self, request_id: str, phone: str, display_name: str) -> Registered:
        """Opens an account; the same request again returns the same one. Raises `RequestIdReused`."""
        login_secret = secret.derive(self._secret_key, request_id)
        salt = self._draw_bits(8 * secret.SALT_BYTES).to_bytes(secret.SALT_BYTES, "big")
        candidate = Account(
            account_id=AccountId(draw_id(self._draw_bits)),
            phone=phone,
            display_name=display_name,
            secret=secret.store(login_secret, salt),
            registered_ms=self._clock.now_ms(),
        )
        kept = await self._store.register(candidate, request_id)
        return Registered(kept.account_id, "" if kept.secret_was_used else login_secret)

    async def account(self, account_id: AccountId) -> Account:
        """The account. Raises `AccountUnknown`."""
        account = await self._store.find(account_id)
        if account is None:
            raise AccountUnknown(account_id)
        return account

    async def case(self, account_id: AccountId, login_secret: str, case_number: CaseNumber) -> Case:
        """One of the account's cases. Raises `AccountUnknown`, `SecretWrong`, `CaseUnknown`."""
        await self.owned(account_id, login_secret)
        case = await self._store.find_case(account_id, case_number)
        if case is None:
            raise CaseUnknown(account_id, case_number)
        return case

    async def owned(self, account_id: AccountId, login_secret: str) -> Account:
        """The account, for who has its secret. Raises `AccountUnknown`, `SecretWrong`, `AccountErased`."""
        account = await self.account(account_id)
        if not secret.matches(login_secret, account.secret):
            raise SecretWrong(account_id)
        if account.erased:
            raise AccountErased(account_id)
        return account


def draw_id(draw_bits: DrawBits) -> int:
    """A random positive number of 63 bits."""
    while (drawn := draw_bits(ID_BITS)) == 0:
        pass
    return drawn
