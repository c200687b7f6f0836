"""What an account's owner reads of an event: one entry for each account and movement.

Entries follow from the journal alone, so a statement can be made again at any time, and compared with it. A
movement is one transfer, or a column of credits to wallets. Its lines are numbered through the event: a
transfer is one line, a column as many as it has credits, the sum that it takes being on the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.accounts import AccountCode, code_of, person_of, waiting

_MOVES = frozenset({pb.TRANSFER_PHASE_UNSPECIFIED, pb.TRANSFER_PHASE_SINGLE, pb.TRANSFER_PHASE_POST})
"""Phases that change balances."""
_ANYBODY = "*"
"""Stands for the persons of a column."""
_ENVELOPE_KEYS = 1 << 62
"""Envelopes below this have keys of their own; those of all other accounts are beyond."""


class Movement(NamedTuple):
    """One transfer or column of an event, as it is kept beside its entries."""

    seq: int
    """The event."""
    line: int
    """Its first line."""
    lines: int
    """How many lines it has: 1, or the credits of a column."""
    time_ms: int
    code: int
    """A `TransferCode`."""
    phase: int
    """A `TransferPhase`."""
    amount_fen: int
    """What moved, or was reserved or released, fen."""
    debit: str
    credit: str
    """Empty for a column of credits to wallets, "waiting:*:<hold_id>" for one to accounts that wait."""
    onward: str
    """Where money that went into transit goes on to; empty for other movements."""
    campaign_id: str
    transfer_id: str
    """Without the feed's place, if it begins with that: see `full_transfer_id`."""
    pending_id: str
    source_reference: str
    source: str
    """The feed that caused it; empty when a call did."""
    source_seq: int

    @property
    def is_column(self) -> bool:
        """Whether it is many credits against one account."""
        return not self.credit or _ANYBODY in self.credit

    def credits(self, account_id: str) -> bool:
        """Whether it is, or may be, the account that is credited."""
        if not self.credit:
            return person_of(account_id) is not None
        before, anybody, after = self.credit.partition(_ANYBODY)
        return account_id == self.credit or (
            bool(anybody) and account_id.startswith(before) and account_id.endswith(after)
        )


@dataclass(frozen=True, slots=True, eq=False)
class EntryColumns:
    """Entries, column by column: how accounts changed, by event and line."""

    accounts: NDArray[np.int64]
    """Keys of accounts: see `account_key`."""
    seqs: NDArray[np.int64]
    lines: NDArray[np.int32]
    amounts_fen: NDArray[np.int64]
    """Credits above 0, debits below; 0 where nothing but a reservation changed."""

    @classmethod
    def of_rows(cls, rows: Sequence[tuple[int, int, int, int]]) -> EntryColumns:
        """Entries from (account, seq, line, amount) of each."""
        accounts, seqs, lines, amounts_fen = zip(*rows, strict=True) if rows else ((), (), (), ())
        return cls(
            np.array(accounts, np.int64),
            np.array(seqs, np.int64),
            np.array(lines, np.int32),
            np.array(amounts_fen, np.int64),
        )

    @classmethod
    def concatenated(cls, pieces: Iterable[EntryColumns]) -> EntryColumns:
        """All entries of all pieces, one piece after the other."""
        parts = [cls.of_rows(()), *pieces]
        return cls(
            np.concatenate([part.accounts for part in parts]),
            np.concatenate([part.seqs for part in parts]),
            np.concatenate([part.lines for part in parts]),
            np.concatenate([part.amounts_fen for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.accounts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EntryColumns):
            return NotImplemented
        return (
            np.array_equal(self.accounts, other.accounts)
            and np.array_equal(self.seqs, other.seqs)
            and np.array_equal(self.lines, other.lines)
            and np.array_equal(self.amounts_fen, other.amounts_fen)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays change

    def sorted(self) -> EntryColumns:
        """The same entries by account, event and line: the order in which they are kept."""
        order = np.lexsort((self.lines, self.seqs, self.accounts))
        return EntryColumns(
            self.accounts[order], self.seqs[order], self.lines[order], self.amounts_fen[order]
        )

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """(account, seq, line, amount) of each entry."""
        columns = (self.accounts, self.seqs, self.lines, self.amounts_fen)
        return zip(*(column.tolist() for column in columns), strict=True)


@dataclass(frozen=True, slots=True)
class Posted:
    """What some consecutive records of a journal come to."""

    first_seq: int
    last_seq: int
    first_time_ms: int
    last_time_ms: int
    mark: bytes
    """Stands for the last record: see `record_mark`."""
    movements: Sequence[Movement]
    entries: EntryColumns
    """Sorted."""


def posted(records: Iterable[tuple[int, int, bytes]]) -> Posted:
    """The movements and entries of records (seq, time_ms, payload), which follow each other."""
    movements: list[Movement] = []
    entries = _Entries()
    first: tuple[int, int] | None = None
    seq, time_ms, payload = 0, 0, b""
    for seq, time_ms, payload in records:
        first = first or (seq, time_ms)
        event = pb.SettlementEvent.FromString(payload)
        _add_transfers(event, seq, time_ms, movements, entries)
        _add_columns(event, seq, time_ms, movements, entries)
    assert first is not None, "there is something to post"
    return Posted(
        *(first[0], seq, first[1], time_ms),
        mark=record_mark(time_ms, payload),
        movements=movements,
        entries=entries.columns().sorted(),
    )


def record_mark(time_ms: int, payload: bytes) -> bytes:
    """16 bytes that stand for a record: BLAKE2b over its time and payload. By it a journal is known again."""
    return blake2b(time_ms.to_bytes(8, "big") + payload, digest_size=16).digest()


@lru_cache(maxsize=65_536)
def account_key(account_id: str) -> int:
    """The 64-bit number under which an account's entries are kept.

    A wallet's is its person's id, an envelope's is its own below 0. Any other's is a hash below those of
    envelopes, so two of ten million accounts of one database share one with a chance of one in 100,000.
    """
    person_id = person_of(account_id)
    if person_id is not None:
        return person_id
    if code_of(account_id) is AccountCode.ENVELOPE:
        envelope_id = int(account_id.rpartition(":")[2])
        if envelope_id < _ENVELOPE_KEYS:
            return -envelope_id
    digest = blake2b(account_id.encode(), digest_size=8).digest()
    return -_ENVELOPE_KEYS - (int.from_bytes(digest, "big") >> 2) - 1


def full_transfer_id(kept: str, source: str, source_seq: int) -> str:
    """A transfer's id as the journal has it. What a feed caused is kept without the feed's place."""
    return f"{source}:{source_seq}{kept}" if kept.startswith(":") else kept


def _kept_transfer_id(transfer_id: str, source: str, source_seq: int) -> str:
    place = f"{source}:{source_seq}"
    is_of_feed = bool(source) and transfer_id.startswith(f"{place}:")
    return transfer_id[len(place) :] if is_of_feed else transfer_id


class _Entries:
    """Collects entries: single ones in a list, columns as they are."""

    def __init__(self) -> None:
        self._single: list[tuple[int, int, int, int]] = []
        self._columns: list[EntryColumns] = []

    def add(self, account_id: str, seq: int, line: int, amount_fen: int) -> None:
        self._single.append((account_key(account_id), seq, line, amount_fen))

    def add_wallets(self, person_ids: Sequence[int], seq: int, line: int, amounts_fen: Sequence[int]) -> None:
        count = len(person_ids)
        self._columns.append(
            EntryColumns(
                np.array(person_ids, np.int64),
                np.full(count, seq, np.int64),
                np.arange(line, line + count, dtype=np.int32),
                np.array(amounts_fen, np.int64),
            )
        )

    def columns(self) -> EntryColumns:
        return EntryColumns.concatenated([EntryColumns.of_rows(self._single), *self._columns])


def _add_transfers(
    event: pb.SettlementEvent, seq: int, time_ms: int, movements: list[Movement], entries: _Entries
) -> None:
    source, source_seq = event.position.source, event.position.source_seq
    for line, transfer in enumerate(event.transfers):
        moved_fen = transfer.amount_fen if transfer.phase in _MOVES else 0
        entries.add(transfer.debit_account_id, seq, line, -moved_fen)
        entries.add(transfer.credit_account_id, seq, line, moved_fen)
        movements.append(
            Movement(
                *(seq, line, 1, time_ms, transfer.code, transfer.phase, transfer.amount_fen),
                debit=transfer.debit_account_id,
                credit=transfer.credit_account_id,
                onward=transfer.onward.credit_account_id,
                campaign_id=transfer.campaign_id,
                transfer_id=_kept_transfer_id(transfer.transfer_id, source, source_seq),
                pending_id=transfer.pending_id,
                source_reference=transfer.source_reference,
                source=source,
                source_seq=source_seq,
            )
        )


def _add_columns(
    event: pb.SettlementEvent, seq: int, time_ms: int, movements: list[Movement], entries: _Entries
) -> None:
    source, source_seq = event.position.source, event.position.source_seq
    line = len(event.transfers)
    for columns in event.wallet_credits:
        person_ids, amounts_fen = list(columns.person_ids), list(columns.amounts_fen)
        count, amount_fen = len(person_ids), sum(amounts_fen)
        entries.add(columns.debit_account_id, seq, line, -amount_fen)
        hold_id = columns.waiting_hold_id
        if hold_id:
            for index, (person_id, credit_fen) in enumerate(zip(person_ids, amounts_fen, strict=True)):
                entries.add(waiting(person_id, hold_id), seq, line + index, credit_fen)
        else:
            entries.add_wallets(person_ids, seq, line, amounts_fen)
        movements.append(
            Movement(
                *(seq, line, count, time_ms, columns.code, pb.TRANSFER_PHASE_UNSPECIFIED, amount_fen),
                debit=columns.debit_account_id,
                credit=f"waiting:{_ANYBODY}:{hold_id}" if hold_id else "",
                onward="",
                campaign_id=columns.campaign_id,
                transfer_id=_kept_transfer_id(columns.transfer_id, source, source_seq),
                pending_id="",
                source_reference="",
                source=source,
                source_seq=source_seq,
            )
        )
        line += count
