"""Transfers: how money moves, one by one or in columns, and what the ledger answers."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NewType

from services.settlement.domain.accounts import AccountCode, AccountId

TransferId = NewType("TransferId", str)


class TransferCode(enum.IntEnum):
    """Why money moved. The numbers are those of the contract."""

    DEPOSIT = 1
    ROUND_HOLD = 2
    POOL_HOLD = 3
    PACKET = 4
    ROUND_RETURN = 5
    POOL_SHARE = 6
    POOL_PRIZE = 7
    POOL_REMAINDER = 8
    POOL_RETURN = 9
    LEFTOVER = 10
    ENVELOPE_HOLD = 20
    ENVELOPE_SHARE = 21
    ENVELOPE_RETURN = 22
    SPONSOR_BUDGET = 30
    BUDGET_RETURN = 31
    FUND_COMPENSATION = 32
    COMPENSATION_RETURN = 33
    SPONSOR_PAYOUT = 34
    ADJUSTMENT = 35
    WAITING_PAID = 40
    WAITING_EXPIRED = 41
    WAITING_MERGED = 42
    WAITING_DUPLICATE = 43
    WALLET_MERGED = 44
    WITHDRAWAL = 50
    WITHDRAWAL_LOSS = 51
    WITHDRAWAL_RETURN = 52
    WITHDRAWAL_LOSS_RETURN = 53
    COMPENSATION = 60
    REVERSAL = 61


OWED = frozenset(
    {
        TransferCode.WAITING_PAID,
        TransferCode.WAITING_EXPIRED,
        TransferCode.WAITING_MERGED,
        TransferCode.WAITING_DUPLICATE,
        TransferCode.WALLET_MERGED,
    }
)
"""Codes by which money goes to whom it belongs without anybody asking for it."""


class TransferPhase(enum.IntEnum):
    """What a transfer does to the two balances. The numbers are those of the contract."""

    SINGLE = 1
    """The money moves at once."""
    PENDING = 2
    """The money is reserved, and stays where it is."""
    POST = 3
    """What was reserved moves, all of it or a part."""
    VOID = 4
    """What was reserved is released."""
    EXPIRE = 5
    """As void, by the clock."""

    @property
    def ends_pending(self) -> bool:
        """Whether it refers to a pending transfer, and ends it."""
        return self >= TransferPhase.POST

    @property
    def moves(self) -> bool:
        """Whether it changes balances."""
        return self in {TransferPhase.SINGLE, TransferPhase.POST}


class TransferStatus(enum.IntEnum):
    """What the ledger answers to a batch: created, or the first reason why nothing of it was."""

    CREATED = 1
    EXISTS = 2
    """All of it was applied before, with the same content. Nothing changed."""
    EXISTS_WITH_OTHER_CONTENT = 3
    """A transfer with this id was applied before, and it was another one."""
    EXISTS_IN_PART = 4
    """Some of the batch was applied before and some was not; batches are all or nothing."""
    POSITION_SKIPPED = 5
    """Steps of a feed record were left out."""
    AMOUNT_NOT_POSITIVE = 6
    COLUMNS_UNEQUAL = 7
    """Persons and amounts differ in number, or there are none."""
    ACCOUNTS_SAME = 8
    PENDING_UNKNOWN = 9
    """There is no pending transfer with the id that is to be posted, voided or expired."""
    PENDING_DIFFERS = 10
    """The pending transfer is between other accounts, for another reason, or for another campaign."""
    PENDING_ENDED = 11
    """It was posted, voided or expired before."""
    PENDING_AMOUNT_EXCEEDED = 12
    """More would be posted than is reserved, or another amount than that released."""
    DEBIT_ACCOUNT_UNKNOWN = 13
    DEBIT_ACCOUNT_CLOSED = 14
    DEBIT_ACCOUNT_FROZEN = 15
    CREDIT_ACCOUNT_CLOSED = 16
    SPONSOR_DIFFERS = 17
    """The credited account holds another sponsor's money."""
    DEBIT_WOULD_GO_NEGATIVE = 18
    """What is not reserved does not cover it."""
    BALANCE_PAST_LIMIT = 19


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement between two accounts of one shard."""

    transfer_id: TransferId
    debit: AccountId
    credit: AccountId
    amount_fen: int
    code: TransferCode
    campaign_id: str = ""
    sponsor_id: int = 0
    """Whose money is held or returned; 0 for other codes."""
    phase: TransferPhase = TransferPhase.SINGLE
    pending_id: TransferId = TransferId("")
    """The pending transfer that this one ends; empty for others."""
    expires_ms: int = 0
    """From when a pending transfer may be expired, milliseconds since the Unix epoch; 0 for never."""

    def digest(self) -> bytes:
        """16 bytes that stand for the content: BLAKE2b over its parts, NUL between them."""
        parts: tuple[str, ...] = (
            self.debit,
            self.credit,
            str(self.amount_fen),
            str(int(self.code)),
            self.campaign_id,
            str(self.sponsor_id),
        )
        if self.phase is not TransferPhase.SINGLE:
            # Only these: digests of what happened before there were phases stay as they are.
            parts += (str(int(self.phase)), self.pending_id, str(self.expires_ms))
        return blake2b("\0".join(parts).encode(), digest_size=DIGEST_BYTES).digest()


DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class WalletCredits:
    """Many movements from one account to wallets, or to winnings that wait: one debit, one credit each."""

    transfer_id: TransferId
    debit: AccountId
    person_ids: Sequence[int]
    amounts_fen: Sequence[int]
    code: TransferCode
    campaign_id: str
    waiting_hold_id: str = ""
    """The round or pool whose waiting accounts are credited instead of wallets; empty: wallets."""

    @property
    def credit_code(self) -> AccountCode:
        """What the credited accounts are for."""
        return AccountCode.WAITING if self.waiting_hold_id else AccountCode.WALLET


@dataclass(frozen=True, slots=True)
class Position:
    """The place in a feed that a batch follows from: it identifies the batch."""

    source: str
    """`<service>/<shard>`."""
    seq: int
    step: int = 0
    """Counts the batches of one record, from 0."""
    more: bool = False
    """Whether further batches of the record follow."""
    reported_fen: int = 0
    """The money that the record, or all of the records, speak of, fen."""
    first_seq: int = 0
    """The first of several records that the batch follows from, of which `seq` is the last; 0 for one."""
    records: int = 1
    """How many records with an effect these are."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Transfers that all count, or none. In a batch with a position, the position is what makes it unique."""

    transfers: Sequence[Transfer] = ()
    columns: Sequence[WalletCredits] = ()
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ledger's answer to a batch."""

    status: TransferStatus
    transfer_id: str = ""
    """The transfer that it is about; empty when it is about the whole batch."""
    account_id: str = ""
    """The account that it is about, if it is about one."""
    balance_fen: int = 0
    """What that account had (credits - debits, less what is reserved) when the transfer's turn came, fen."""

    @property
    def created(self) -> bool:
        """Whether the batch may be, or was, applied."""
        return self.status is TransferStatus.CREATED

    def __str__(self) -> str:
        about = " ".join(part for part in (self.transfer_id, self.account_id) if part)
        return f"{self.status.name} {about} (balance {self.balance_fen} fen)"
