"""Statements: an account's entries in a period, page by page, with the balances at both ends."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import Self

from services.mesh.pages import NUMBER_MIN, Listing, PageTokenForeign
from services.settlement.domain.accounts import CLEARING_FEN_MAX, Side, code_of
from services.settlement.domain.entries import Movement, full_transfer_id
from services.settlement.domain.statement_errors import PageTokenInvalid
from services.settlement.domain.transfers import TransferCode

LINE_MAX = (1 << 31) - 1
SEQ_MAX = (1 << 62) - 1


class Order(enum.Enum):
    """Which entry of a statement comes first."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """Whose statement, of when, and in which order."""

    account_id: str
    from_ms: int | None = None
    """Entries from this moment on, milliseconds since the Unix epoch; None: from the first one."""
    to_ms: int | None = None
    """Entries before this moment, milliseconds since the Unix epoch; None: up to the last one."""
    order: Order = Order.NEWEST_FIRST
    page_size: int = 100
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a statement."""

    account_id: str
    seq: int
    """The event of the shard's journal."""
    line: int
    time_ms: int
    """When, milliseconds since the Unix epoch."""
    amount_fen: int
    """How the balance changed on the account's normal side, fen; 0 where only a reservation did."""
    code: TransferCode
    phase: int
    """A `TransferPhase` of the contract."""
    transfer_fen: int
    """What the transfer speaks of, fen, above 0."""
    counter_account_id: str
    """Empty for the sum of many credits."""
    campaign_id: str
    transfer_id: str
    source: str
    """The feed that caused it; empty when a call did."""
    source_seq: int
    pending_id: str
    source_reference: str
    movements: int
    """How many movements it is the sum of."""
    balance_fen: int | None = None
    """After this entry, on the account's normal side, fen; None where that was not asked for."""


@dataclass(frozen=True, slots=True)
class StatementEnd:
    """Up to where a statement is complete."""

    seq: int
    """The last event that is in it; 0 before the first."""
    time_ms: int
    """Time of that event, milliseconds since the Unix epoch."""
    events_behind: int = 0
    """Durable events that are not in it yet."""


@dataclass(frozen=True, slots=True)
class StatementPage:
    """A page of a statement."""

    entries: Sequence[Entry]
    opening_fen: int
    closing_fen: int
    next_page_token: str
    end: StatementEnd


@dataclass(frozen=True, slots=True)
class PagePlace:
    """Where a page begins, and what all pages of its list share."""

    seq: int
    line: int
    """The page begins behind this line of this event, in the order of the list."""
    from_seq: int
    to_seq: int
    """The list has the events from `from_seq` to this, exclusively."""
    balance_fen: int
    """Between the entry before this page and its first one: credits - debits, fen."""
    opening_fen: int
    """When the period began: credits - debits, fen."""
    closing_fen: int
    """When it ended: credits - debits, fen."""

    @classmethod
    def first(cls, order: Order, from_seq: int, to_seq: int, opening_fen: int, closing_fen: int) -> Self:
        """The place before a list's first page."""
        if order is Order.OLDEST_FIRST:
            return cls(from_seq - 1, LINE_MAX, from_seq, to_seq, opening_fen, opening_fen, closing_fen)
        return cls(to_seq, -1, from_seq, to_seq, closing_fen, opening_fen, closing_fen)

    @classmethod
    def of_token(cls, query: StatementQuery) -> Self | None:
        """The place that a query's token says; None without one. Raises `PageTokenInvalid`."""
        try:
            numbers = _listing(query).numbers(query.page_token, len(fields(cls)), least=NUMBER_MIN)
        except PageTokenForeign:
            raise _invalid(query) from None
        if numbers is None:
            return None
        place = cls(*numbers)
        if not place._fits():
            raise _invalid(query)
        return place

    def token(self, query: StatementQuery) -> str:
        """Asks for the page that begins here."""
        return _listing(query).token(*astuple(self))

    def _fits(self) -> bool:
        # Whoever forges a token only reads the same account from another place, and wrong sums.
        return (
            0 <= self.from_seq <= self.to_seq <= SEQ_MAX
            and self.from_seq - 1 <= self.seq <= self.to_seq
            and -1 <= self.line <= LINE_MAX
            and all(
                abs(fen) <= CLEARING_FEN_MAX for fen in (self.balance_fen, self.opening_fen, self.closing_fen)
            )
        )


def normal_sign(account_id: str) -> int:
    """1 when credits make an account's balance larger, -1 when debits do."""
    return -1 if code_of(account_id).normal_side is Side.DEBIT else 1


def entry_of(account_id: str, line: int, amount_fen: int, movement: Movement) -> Entry:
    """An account's entry, told from its line of a movement; `amount_fen` is credit above, debit below 0."""
    is_debit = movement.debit == account_id
    transfer_id = full_transfer_id(movement.transfer_id, movement.source, movement.source_seq)
    is_one_of_many = movement.is_column and not is_debit
    if is_one_of_many:
        transfer_id = f"{transfer_id}:{line - movement.line}"
    return Entry(
        account_id=account_id,
        seq=movement.seq,
        line=line,
        time_ms=movement.time_ms,
        amount_fen=normal_sign(account_id) * amount_fen,
        code=TransferCode(movement.code),
        phase=movement.phase,
        transfer_fen=amount_fen if is_one_of_many else movement.amount_fen,
        counter_account_id=_credited(movement) if is_debit else movement.debit,
        campaign_id=movement.campaign_id,
        transfer_id=transfer_id,
        source=movement.source,
        source_seq=movement.source_seq,
        pending_id=movement.pending_id,
        source_reference=movement.source_reference,
        movements=movement.lines if is_debit else 1,
    )


def _credited(movement: Movement) -> str:
    return "" if movement.is_column else movement.onward or movement.credit


def with_balances(entries: Sequence[Entry], balance_fen: int, order: Order) -> tuple[list[Entry], int]:
    """Entries with the balance after each, and the balance behind the last one in their order.

    `balance_fen` is the one before the first of them in their order. All on the account's normal side.
    """
    told: list[Entry] = []
    for entry in entries:
        if order is Order.OLDEST_FIRST:
            balance_fen += entry.amount_fen
            told.append(replace(entry, balance_fen=balance_fen))
        else:
            told.append(replace(entry, balance_fen=balance_fen))
            balance_fen -= entry.amount_fen
    return told, balance_fen


def _listing(query: StatementQuery) -> Listing:
    return Listing(f"statement/{query.order.value}/{query.from_ms}/{query.to_ms}", query.account_id)


def _invalid(query: StatementQuery) -> PageTokenInvalid:
    return PageTokenInvalid("this page token is not from this list", page_token=query.page_token)
