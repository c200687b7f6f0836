"""What can be asked for by name: items, and what becomes of each."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from services.settlement.domain.transfers import TransferCode, TransferPhase


class ItemStatus(enum.IntEnum):
    """What becomes of an item. Names and numbers are those of the contract's `TransferStatus`.

    The order is that of the checks: the first that fails is told.
    """

    CREATED = 1
    LINKED_EVENT_FAILED = 2
    LINKED_CHAIN_OPEN = 3
    EXISTS_WITH_OTHER_PHASE = 4
    EXISTS_WITH_OTHER_PENDING_ID = 5
    EXISTS_WITH_OTHER_TIMEOUT = 6
    EXISTS_WITH_OTHER_DEBIT_ACCOUNT = 7
    EXISTS_WITH_OTHER_CREDIT_ACCOUNT = 8
    EXISTS_WITH_OTHER_AMOUNT = 9
    EXISTS_WITH_OTHER_CODE = 10
    EXISTS_WITH_OTHER_CAMPAIGN = 11
    EXISTS_WITH_OTHER_REFERENCE = 12
    EXISTS = 13
    TOO_LATE = 14
    PENDING_ID_MISPLACED = 15
    TIMEOUT_MISPLACED = 16
    PENDING_UNKNOWN = 17
    PENDING_DIFFERS = 18
    PENDING_ALREADY_POSTED = 19
    PENDING_ALREADY_VOIDED = 20
    PENDING_EXPIRED = 21
    AMOUNT_NOT_POSITIVE = 22
    PENDING_AMOUNT_EXCEEDED = 23
    ACCOUNT_IMPOSSIBLE = 24
    ACCOUNTS_SAME = 25
    CODE_NOT_ALLOWED = 26
    CAMPAIGN_DIFFERS = 27
    SPONSOR_DIFFERS = 28
    DEBIT_ACCOUNT_MISPLACED = 29
    CREDIT_ACCOUNT_MISPLACED = 30
    DEBIT_ACCOUNT_UNKNOWN = 31
    DEBIT_ACCOUNT_FROZEN = 32
    CREDIT_ACCOUNT_FROZEN = 33
    DEBIT_WOULD_GO_NEGATIVE = 34
    BALANCE_PAST_LIMIT = 35


@dataclass(frozen=True, slots=True)
class TransferItem:
    """One transfer that is asked for."""

    transfer_id: str
    """UUID in lower case."""
    debit: str
    """Empty for that of the pending transfer."""
    credit: str
    """As `debit`."""
    amount_fen: int
    """0 for all of the pending transfer."""
    code: TransferCode | None
    """None for that of the pending transfer."""
    campaign_id: str = ""
    source_reference: str = ""
    linked: bool = False
    """Whether it succeeds or fails together with the next one."""
    phase: TransferPhase = TransferPhase.SINGLE
    pending_id: str = ""
    """The pending transfer that it ends."""
    timeout_ms: int = 0
    """How long a pending one stands, milliseconds; 0 for as long as it takes."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of an item."""

    status: ItemStatus
    account_id: str = ""
    """The account that it is about, if it is about one."""
    available_fen: int = 0
    """What that account could spend when the item's turn came, or what is reserved."""


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """Items that are asked for together."""

    items: Sequence[TransferItem]
    """Each id once."""
    ends_ms: int
    """Until when they may be carried out, milliseconds since the Unix epoch."""
    operator: str
    """Who asks."""


class Refusal(Exception):
    """An item cannot be carried out."""

    def __init__(self, status: ItemStatus, account_id: str = "", available_fen: int = 0) -> None:
        super().__init__(status.name)
        self.result = ItemResult(status, account_id, available_fen)
