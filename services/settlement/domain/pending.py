"""Pending transfers: money that is reserved until it is posted, voided, or its time runs out.

A reservation moves nothing. It counts against what the debited account may spend, and against what the
credited one may still receive, so that posting it can never fail.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

from services.settlement.domain.accounts import AccountId
from services.settlement.domain.balances import Movement
from services.settlement.domain.transfers import Transfer, TransferId, TransferPhase


class PendingEnd(enum.IntEnum):
    """What became of a pending transfer. The numbers are those of the contract."""

    POSTED = 1
    VOIDED = 2
    EXPIRED = 3


END_OF_PHASE = {
    TransferPhase.POST: PendingEnd.POSTED,
    TransferPhase.VOID: PendingEnd.VOIDED,
    TransferPhase.EXPIRE: PendingEnd.EXPIRED,
}
"""What a transfer of each phase makes of the pending one that it ends."""


@dataclass(slots=True)
class Pending:
    """One pending transfer, as long as it is remembered."""

    transfer: Transfer
    """The transfer that reserved the money."""
    end: PendingEnd | None = None
    """None while it stands."""
    posted_fen: int = 0
    """What of it was posted."""

    @property
    def open(self) -> bool:
        """Whether it still reserves money."""
        return self.end is None


class Pendings:
    """All pending transfers of one shard, and what they reserve on each account."""

    def __init__(self) -> None:
        self._by_id: dict[TransferId, Pending] = {}
        self._reserved: dict[AccountId, Movement] = {}
        """By account, only those with something reserved."""
        self._expiries: list[tuple[int, TransferId]] = []
        """Ascending: when those that stand run out, milliseconds since the Unix epoch."""
        self.open_count = 0
        self.open_fen = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def all(self) -> Iterable[Pending]:
        """Every one that is remembered, in the order in which they came."""
        return self._by_id.values()

    def find(self, transfer_id: str) -> Pending | None:
        """The pending transfer with this id; None when there is none, or none any more."""
        return self._by_id.get(TransferId(transfer_id))

    def debits_fen(self, account_id: str) -> int:
        """What an account may not spend because it is reserved, fen."""
        reserved = self._reserved.get(AccountId(account_id))
        return 0 if reserved is None else reserved.debits_fen

    def credits_fen(self, account_id: str) -> int:
        """What an account may still receive because it is reserved elsewhere, fen."""
        reserved = self._reserved.get(AccountId(account_id))
        return 0 if reserved is None else reserved.credits_fen

    def reserved(self) -> Iterable[tuple[AccountId, Movement]]:
        """Every account with something reserved, and how much on each side."""
        return self._reserved.items()

    def expired(self, now_ms: int, limit: int) -> list[Pending]:
        """Those that stand though their time is over, at most `limit`, the oldest first."""
        due = self._expiries[: bisect_left(self._expiries, (now_ms + 1, TransferId("")))]
        return [self._by_id[transfer_id] for _, transfer_id in due[:limit]]

    def restore(self, pending: Pending) -> None:
        """Takes a pending transfer over from a snapshot."""
        if pending.open:
            self.begin(pending.transfer)
        else:
            self._by_id[pending.transfer.transfer_id] = pending

    def begin(self, transfer: Transfer) -> None:
        """Reserves the money of a transfer."""
        assert transfer.transfer_id not in self._by_id, "a pending transfer is made once"
        self._by_id[transfer.transfer_id] = Pending(transfer)
        if transfer.expires_ms:
            insort(self._expiries, (transfer.expires_ms, transfer.transfer_id))
        self._reserve(transfer, 1)

    def finish(self, pending_id: TransferId, end: PendingEnd, posted_fen: int = 0) -> None:
        """Releases what is left of a reservation."""
        pending = self._by_id[pending_id]
        assert pending.open, "a pending transfer ends once"
        pending.end, pending.posted_fen = end, posted_fen
        transfer = pending.transfer
        if transfer.expires_ms:
            del self._expiries[bisect_left(self._expiries, (transfer.expires_ms, pending_id))]
        self._reserve(transfer, -1)

    def forget(self, pending_id: str) -> None:
        """Drops one that has ended, when nobody can ask about it any more. Unknown ones need no end."""
        pending = self._by_id.pop(TransferId(pending_id), None)
        assert pending is None or not pending.open, "what stands is not forgotten"

    def _reserve(self, transfer: Transfer, sign: int) -> None:
        self.open_count += sign
        self.open_fen += sign * transfer.amount_fen
        self._on(transfer.debit).debits_fen += sign * transfer.amount_fen
        self._on(transfer.credit).credits_fen += sign * transfer.amount_fen
        for account_id in (transfer.debit, transfer.credit):
            left = self._reserved[account_id]
            assert left.debits_fen >= 0 <= left.credits_fen, f"{account_id} has less than nothing reserved"
            if not left.debits_fen and not left.credits_fen:
                del self._reserved[account_id]

    def _on(self, account_id: AccountId) -> Movement:
        return self._reserved.setdefault(account_id, Movement())
