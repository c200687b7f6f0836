"""What the ledger remembers about accounts, totals, and feeds."""

from __future__ import annotations

from dataclasses import dataclass

from services.settlement.domain.accounts import AccountCode, AccountId

SPONSORED = frozenset({AccountCode.ESCROW, AccountCode.POOL, AccountCode.CAMPAIGN_BUDGET})
"""Codes of accounts that hold one sponsor's money until it is spent or returned."""


@dataclass(slots=True)
class Account:
    """Any account but a wallet. Wallets are many, and only their balances are kept."""

    account_id: AccountId
    code: AccountCode
    debits_fen: int = 0
    credits_fen: int = 0
    closed: bool = False
    sponsor_id: int = 0
    """Whose money it holds; 0 when it is nobody's in particular."""

    @property
    def balance_fen(self) -> int:
        """Credits - debits, fen."""
        return self.credits_fen - self.debits_fen


@dataclass(frozen=True, slots=True)
class Freeze:
    """Why nothing may leave an account."""

    reason: str
    """In words."""
    operator: str
    """Who decided it."""
    request_id: str
    since_ms: int
    """Milliseconds since the Unix epoch."""


@dataclass(slots=True)
class Movement:
    """Sums of what moved through accounts, fen."""

    debits_fen: int = 0
    credits_fen: int = 0


@dataclass(slots=True)
class Count:
    """Number and sum of transfers."""

    transfers: int = 0
    amount_fen: int = 0


@dataclass(slots=True)
class FeedCursor:
    """How far a feed has been posted, and what it has come to."""

    seq: int = 0
    """Every record up to this one has had its effect."""
    steps: int = 0
    """Batches that the record after it has caused so far."""
    records: int = 0
    """Records that had an effect."""
    reported_fen: int = 0
    """What the records spoke of, fen."""
    posted_fen: int = 0
    """What was posted because of them, fen."""
