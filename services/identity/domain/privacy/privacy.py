"""Erasing what is kept of an account, and showing it to its owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from services.identity.domain import secret
from services.identity.domain.errors import AccountUnknown, SecretWrong
from services.identity.domain.people import Account, AccountId
from services.identity.domain.ports import AccountStore, WallClock
from services.identity.domain.privacy.erasures import Erasure, kept_until
from services.identity.domain.privacy.errors import AccountErased, ErasureUnknown

Document = Mapping[str, Any]
"""What is kept, by the name of its category in lower case: texts, numbers, lists and mappings."""


class ErasureStore(Protocol):
    """Erases, and keeps the records of it. Every method that writes is atomic and durable on return."""

    async def erase(
        self, account_id: AccountId, now_ms: int, kept_until_ms: int, trace_context: str
    ) -> Erasure:
        """Erases the account, and its person's data when it was the last one; a repeat changes nothing.

        The feed hears of a person who is erased in the same transaction. Raises `AccountUnknown`.
        """
        ...

    async def find(self, account_id: AccountId) -> Erasure | None:
        """The record, or None."""
        ...

    async def purge(self, now_ms: int, limit: int) -> int:
        """Removes who people were whose time is over, at most so many; how many were looked at."""
        ...

    async def export(self, account_id: AccountId) -> Document:
        """What is kept of the account and its person."""
        ...


class Privacy:
    """Serves owners of accounts."""

    def __init__(
        self, store: ErasureStore, accounts: AccountStore, clock: WallClock, *, retention_days: int
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock
        self._retention_days = retention_days

    async def erase(self, account_id: AccountId, login_secret: str, trace_context: str = "") -> Erasure:
        """Erases the account; a repeat returns the same record. Raises `AccountUnknown`, `SecretWrong`."""
        await self._proven(account_id, login_secret)
        now_ms = self._clock.now_ms()
        until_ms = kept_until(now_ms, self._retention_days)
        return await self._store.erase(account_id, now_ms, until_ms, trace_context)

    async def erasure(self, account_id: AccountId, login_secret: str) -> Erasure:
        """The record. Raises `AccountUnknown`, `SecretWrong`, `ErasureUnknown`."""
        await self._proven(account_id, login_secret)
        erasure = await self._store.find(account_id)
        if erasure is None:
            raise ErasureUnknown(account_id)
        return erasure

    async def export(self, account_id: AccountId, login_secret: str) -> Document:
        """What is kept. Raises `AccountUnknown`, `SecretWrong`, `AccountErased`."""
        account = await self._proven(account_id, login_secret)
        if account.erased:
            raise AccountErased(account_id)
        return await self._store.export(account_id)

    async def _proven(self, account_id: AccountId, login_secret: str) -> Account:
        # The secret outlives the account: who else should be told what became of it?
        account = await self._accounts.find(account_id)
        if account is None:
            raise AccountUnknown(account_id)
        if not secret.matches(login_secret, account.secret):
            raise SecretWrong(account_id)
        return account
