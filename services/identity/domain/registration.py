"""Opening accounts, and proving that one is one's own."""

from __future__ import annotations

from dataclasses import dataclass

from services.identity.domain import secret
from services.identity.domain.cases.case import Case
from services.identity.domain.errors import AccountUnknown, CaseUnknown, SecretWrong
from services.identity.domain.people import ID_BITS, Account, AccountId, CaseNumber, PersonId
from services.identity.domain.ports import AccountStore, DrawBits, TokenSigner, WallClock


@dataclass(frozen=True, slots=True)
class Registered:
    """A new account, and its secret unless that has been used already."""

    account_id: AccountId
    login_secret: str


@dataclass(frozen=True, slots=True)
class Token:
    """A signed access token."""

    text: str
    expires_s: int
    """Seconds since the Unix epoch."""


class Registration:
    """Opens accounts and lets their owners in."""

    def __init__(
        self,
        store: AccountStore,
        signer: TokenSigner,
        clock: WallClock,
        draw_bits: DrawBits,
        secret_key: bytes,
    ) -> None:
        self._store = store
        self._signer = signer
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

    async def issue_token(self, account_id: AccountId, login_secret: str) -> Token:
        """Signs a token for the account's person: the verified one, or else a provisional one.

        Raises `AccountUnknown`, `SecretWrong`.
        """
        account = await self.owned(account_id, login_secret)
        now_ms = self._clock.now_ms()
        bearer = account.bearer
        if bearer is None:
            provisional_id = PersonId(draw_id(self._draw_bits))
            bearer = await self._store.bearer(account_id, provisional_id, now_ms)
        text, expires_s = self._signer.sign(account_id, bearer, now_ms)
        return Token(text, expires_s)

    async def case(self, account_id: AccountId, login_secret: str, case_number: CaseNumber) -> Case:
        """One of the account's cases. Raises `AccountUnknown`, `SecretWrong`, `CaseUnknown`."""
        await self.owned(account_id, login_secret)
        case = await self._store.find_case(account_id, case_number)
        if case is None:
            raise CaseUnknown(account_id, case_number)
        return case

    async def owned(self, account_id: AccountId, login_secret: str) -> Account:
        """The account, for who has its secret. Raises `AccountUnknown`, `SecretWrong`."""
        account = await self.account(account_id)
        if not secret.matches(login_secret, account.secret):
            raise SecretWrong(account_id)
        return account


def draw_id(draw_bits: DrawBits) -> int:
    """A random positive number of 63 bits."""
    while (drawn := draw_bits(ID_BITS)) == 0:
        pass
    return drawn
