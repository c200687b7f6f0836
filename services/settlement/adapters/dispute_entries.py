"""Finds the entry that a person disputes: the statement's row and the journal's record must say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hongbao.settlement.v1 import events_pb2
from services.mesh.logs import get_logger
from services.mesh.shards.host import Shard
from services.settlement.domain import accounts
from services.settlement.domain.disputes.dispute import DisputedEntry
from services.settlement.domain.disputes.entries import entry_in
from services.settlement.domain.disputes.errors import EntryContradicted, EntryNotDisputable
from services.settlement.domain.state import SettlementState

_log = get_logger("settlement.disputes")


class EntryAmounts(Protocol):
    """What statements say about one entry."""

    async def amount_fen(self, shard: Shard[SettlementState], account_id: str, seq: int, line: int) -> int:
        """How the entry changed the balance: credits above 0, debits below, 0 for a reservation.

        Raises `EntryUnknown`, `StatementBehind` and `StatementsUnavailable`.
        """
        ...


@dataclass(frozen=True, slots=True)
class DisputeEntries:
    """Looks entries up in both places."""

    statements: EntryAmounts

    async def find(self, shard: Shard[SettlementState], person_id: int, seq: int, line: int) -> DisputedEntry:
        """A movement of a person's wallet.

        Raises `EntryUnknown`, `EntryNotDisputable`, `EntryContradicted`, `StatementBehind`, and
        `StatementsUnavailable`.
        """
        listed_fen = await self.statements.amount_fen(shard, accounts.wallet(person_id), seq, line)
        if not listed_fen:
            raise EntryNotDisputable("the entry moved nothing", person_id=person_id, seq=seq, line=line)
        entry = await _recorded(shard, person_id, seq, line)
        recorded_fen = 0 if entry is None else entry.amount_fen if entry.credited else -entry.amount_fen
        if entry is None or recorded_fen != listed_fen:
            _log.error(
                "entry_contradicted",
                shard=shard.number,
                seq=seq,
                line=line,
                listed_fen=listed_fen,
                recorded_fen=recorded_fen,
            )
            raise EntryContradicted(
                "statement and journal disagree about the entry", person_id=person_id, seq=seq, line=line
            )
        return entry


async def _recorded(
    shard: Shard[SettlementState], person_id: int, seq: int, line: int
) -> DisputedEntry | None:
    for record in await shard.read(seq - 1, 1):
        if record.seq == seq:
            event = events_pb2.SettlementEvent.FromString(record.payload)
            return entry_in(event, seq, record.time_ms, person_id, line)
    return None
