"""Transfers: how money moves, one by one or in columns, and what the ledger answers."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NewType

from services.settlement.domain.accounts import AccountId

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
    DEBIT_ACCOUNT_UNKNOWN = 9
    DEBIT_ACCOUNT_CLOSED = 10
    CREDIT_ACCOUNT_CLOSED = 11
    SPONSOR_DIFFERS = 12
    """The credited account holds another sponsor's money."""
    DEBIT_WOULD_GO_NEGATIVE = 13
    BALANCE_PAST_LIMIT = 14


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

    def digest(self) -> bytes:
        """16 bytes that stand for the content: BLAKE2b over its parts, NUL between them."""
        parts = (
            self.debit,
            self.credit,
            str(self.amount_fen),
            str(int(self.code)),
            self.campaign_id,
            str(self.sponsor_id),
        )
        return blake2b("\0".join(parts).encode(), digest_size=DIGEST_BYTES).digest()


DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class WalletCredits:
    """Many movements from one account to wallets: one debit of the sum, one credit each."""

    transfer_id: TransferId
    debit: AccountId
    person_ids: Sequence[int]
    amounts_fen: Sequence[int]
    code: TransferCode
    campaign_id: str


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
    """The balance (credits - debits) of that account when the transfer's turn came, fen."""

    @property
    def created(self) -> bool:
        """Whether the batch may be, or was, applied."""
        return self.status is TransferStatus.CREATED

    def __str__(self) -> str:
        about = " ".join(part for part in (self.transfer_id, self.account_id) if part)
        return f"{self.status.name} {about} (balance {self.balance_fen} fen)"
