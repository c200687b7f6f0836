"""A shard's history for tests of statements, the tables that have it, and a plain model of both."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.adapters.statements import postgres, sqlite
from services.settlement.adapters.statements.postgres import PostgresTables
from services.settlement.adapters.statements.rows import Cursor
from services.settlement.adapters.statements.sqlite import SqliteTables
from services.settlement.adapters.statements.tables import StatementTables
from services.settlement.domain.entries import posted

BUSY_MS = 2_000
PERSONS = range(1, 8)
ESCROW = "escrow:spring.r01:1"
ACCOUNTS = [*(f"wallet:{person_id}" for person_id in PERSONS), ESCROW, "envelope:5", "bank_clearing:1"]
SHARD = 1

History = Sequence[tuple[int, int, pb.SettlementEvent]]
"""(seq, time_ms, event)."""


@contextmanager
def sqlite_tables(place: Path | None) -> Iterator[StatementTables]:
    tables = SqliteTables(SHARD, sqlite.connect(place, BUSY_MS))
    yield tables
    tables.close()


@contextmanager
def postgres_tables(url: str, shard: int = SHARD) -> Iterator[StatementTables]:
    tables = PostgresTables(shard, postgres.connect(url, BUSY_MS))
    yield tables
    tables.close()


def history(seed: int, events: int) -> History:
    """Deposits, packets, envelopes, reservations, and events in which nothing moves; some at one moment."""
    rng = random.Random(seed)  # noqa: S311 - the same history every time
    time_ms, made = 1_000_000, []
    for seq in range(1, events + 1):
        time_ms += rng.choice([0, 0, 1, 1_000])
        made.append((seq, time_ms, _event(rng, seq)))
    return made


def fill(
    tables: StatementTables, events: History, *, run_entries_max: int = 40, batch_events: int = 7
) -> Cursor:
    """Adds a history in batches, in runs that are short."""
    cursor = tables.cursor()
    for start in range(0, len(events), batch_events):
        records = [
            (seq, time_ms, event.SerializeToString())
            for seq, time_ms, event in events[start : start + batch_events]
        ]
        cursor = tables.append(cursor, posted(records), run_entries_max)
    return cursor


def model(events: History, account_id: str) -> list[tuple[int, int, int, int]]:
    """What an account's entries must be: (seq, line, time_ms, credit - debit), oldest first."""
    return [
        (seq, line, time_ms, amount_fen)
        for seq, time_ms, event in events
        for moved_id, line, amount_fen in _moves(event)
        if moved_id == account_id
    ]


def _moves(event: pb.SettlementEvent) -> Iterable[tuple[str, int, int]]:
    line = 0
    for transfer in event.transfers:
        moved_fen = 0 if transfer.phase == pb.TRANSFER_PHASE_PENDING else transfer.amount_fen
        yield transfer.debit_account_id, line, -moved_fen
        yield transfer.credit_account_id, line, moved_fen
        line += 1
    for columns in event.wallet_credits:
        yield columns.debit_account_id, line, -sum(columns.amounts_fen)
        for person_id, amount_fen in zip(columns.person_ids, columns.amounts_fen, strict=True):
            yield f"wallet:{person_id}", line, amount_fen
            line += 1


def _event(rng: random.Random, seq: int) -> pb.SettlementEvent:
    event = pb.SettlementEvent()
    kind = rng.randrange(5)
    if kind == 0:
        return event
    if kind == 1:
        _transfer(event, f"deposit:{seq}", "bank_clearing:1", ESCROW, rng.randrange(1, 999))
        return event
    event.position.source, event.position.source_seq = "allocation/1", seq
    if kind in {2, 4}:
        wallet = f"wallet:{rng.choice(PERSONS)}"
        phase = rng.choice([pb.TRANSFER_PHASE_UNSPECIFIED, pb.TRANSFER_PHASE_PENDING])
        _transfer(event, f"allocation/1:{seq}:0:0", wallet, "envelope:5", rng.randrange(1, 99), phase)
    if kind in {3, 4}:
        winners = rng.choices(PERSONS, k=rng.randrange(1, 9))
        event.wallet_credits.add(
            transfer_id=f"allocation/1:{seq}:0:1",
            debit_account_id=ESCROW,
            person_ids=winners,
            amounts_fen=[rng.randrange(1, 881) for _ in winners],
            code=pb.TRANSFER_CODE_PACKET,
            campaign_id="spring",
        )
    return event


def _transfer(
    event: pb.SettlementEvent,
    transfer_id: str,
    debit: str,
    credit: str,
    amount_fen: int,
    phase: pb.TransferPhase.ValueType = pb.TRANSFER_PHASE_UNSPECIFIED,
) -> None:
    event.transfers.add(
        transfer_id=transfer_id,
        debit_account_id=debit,
        credit_account_id=credit,
        amount_fen=amount_fen,
        code=pb.TRANSFER_CODE_ENVELOPE_HOLD,
        phase=phase,
    )
