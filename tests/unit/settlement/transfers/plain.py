"""A plain model of settlement's transfers, and a world in which time passes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.accounts import shard_of_account
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfer_items import TransferItem
from services.settlement.domain.transfers import TransferPhase
from tests.unit.settlement.world import World

SHARDS, PARTS = 2, 2


class Reject(Exception):
    """The model's status for an item that is not carried out."""


@dataclass(slots=True)
class Asked:
    """A transfer as the model remembers it."""

    item: TransferItem
    until_ms: int
    expires_ms: int = 0
    end: str = ""
    """What became of a pending one: EXPIRED, or the statuses' words for it."""

    @property
    def stands(self) -> bool:
        return self.item.phase is TransferPhase.PENDING and not self.end


@dataclass(slots=True)
class Plain:
    """Balances, and what is known of transfers, of all shards: moved by the meaning of each step."""

    fen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    known: set[str] = field(default_factory=set)
    """Accounts that something has moved through."""
    asked: dict[tuple[int, str], Asked] = field(default_factory=dict)
    """By shard and id."""
    frozen: set[str] = field(default_factory=set)

    def move(self, debit: str, credit: str, amount_fen: int) -> None:
        self.fen[debit] -= amount_fen
        self.fen[credit] += amount_fen
        self.known |= {debit, credit}

    def reserved_fen(self, account_id: str) -> int:
        return sum(
            asked.item.amount_fen
            for asked in self.asked.values()
            if asked.stands and asked.item.debit == account_id
        )

    def forget(self, shard: int, now_ms: int) -> None:
        for key, asked in list(self.asked.items()):
            if key[0] == shard and asked.until_ms <= now_ms and not asked.stands:
                del self.asked[key]

    def carry_out(self, shard: int, item: TransferItem, ends_ms: int, now_ms: int) -> None:
        """Raises `Reject` with the status."""
        before = self.asked.get((shard, item.transfer_id))
        if before is not None:
            raise Reject(self.repeated(before.item, item, shard))
        if ends_ms <= now_ms:
            raise Reject("TOO_LATE")
        if item.phase.ends_pending:
            self.end(shard, item, ends_ms, now_ms)
        else:
            self.begin(shard, item, now_ms)
        expires_ms = now_ms + item.timeout_ms if item.timeout_ms else 0
        self.asked[shard, item.transfer_id] = Asked(item, ends_ms, expires_ms)

    def repeated(self, before: TransferItem, item: TransferItem, shard: int) -> str:
        """Items of the tests differ in amount, phase or pending transfer, if in anything."""
        if before.phase is not item.phase:
            return "EXISTS_WITH_OTHER_PHASE"
        if before.pending_id != item.pending_id:
            return "EXISTS_WITH_OTHER_PENDING_ID"
        if before.timeout_ms != item.timeout_ms:
            return "EXISTS_WITH_OTHER_TIMEOUT"
        if (before.debit, before.credit) != (item.debit, item.credit):
            differs = "DEBIT" if before.debit != item.debit else "CREDIT"
            return f"EXISTS_WITH_OTHER_{differs}_ACCOUNT"
        one, two = (self.amount_fen(shard, each) for each in (before, item))
        return "EXISTS" if one == two else "EXISTS_WITH_OTHER_AMOUNT"

    def amount_fen(self, shard: int, item: TransferItem) -> int:
        if item.amount_fen or not item.pending_id:
            return item.amount_fen
        return self.asked[shard, item.pending_id].item.amount_fen

    def end(self, shard: int, item: TransferItem, ends_ms: int, now_ms: int) -> None:
        pending = self.asked.get((shard, item.pending_id))
        if pending is None or pending.item.phase is not TransferPhase.PENDING:
            raise Reject("PENDING_UNKNOWN")
        if pending.end:
            raise Reject(pending.end)
        if pending.expires_ms and pending.expires_ms <= now_ms:
            raise Reject("PENDING_EXPIRED")
        amount_fen = item.amount_fen or pending.item.amount_fen
        posts = item.phase is TransferPhase.POST
        if amount_fen > pending.item.amount_fen or (not posts and amount_fen != pending.item.amount_fen):
            raise Reject("PENDING_AMOUNT_EXCEEDED")
        ended = Asked(pending.item, max(pending.until_ms, ends_ms), pending.expires_ms)
        ended.end = "PENDING_ALREADY_POSTED" if posts else "PENDING_ALREADY_VOIDED"
        self.asked[shard, item.pending_id] = ended
        if posts:
            self.move(pending.item.debit, pending.item.credit, amount_fen)

    def begin(self, shard: int, item: TransferItem, now_ms: int) -> None:  # noqa: ARG002 - as `end`
        if shard_of_account(item.debit, SHARDS) != shard:
            raise Reject("DEBIT_ACCOUNT_MISPLACED")
        target = shard_of_account(item.credit, SHARDS)
        if target != shard and item.phase is TransferPhase.PENDING:
            raise Reject("CREDIT_ACCOUNT_MISPLACED")
        if item.debit not in self.known:
            raise Reject("DEBIT_ACCOUNT_UNKNOWN")
        if item.debit in self.frozen:
            raise Reject("DEBIT_ACCOUNT_FROZEN")
        if target == shard and item.credit in self.frozen:
            raise Reject("CREDIT_ACCOUNT_FROZEN")
        if self.fen[item.debit] - self.reserved_fen(item.debit) < item.amount_fen:
            raise Reject("DEBIT_WOULD_GO_NEGATIVE")
        if item.phase is TransferPhase.SINGLE:
            credit = item.credit if target == shard else f"in_transit:{shard}:{target}"
            self.move(item.debit, credit, item.amount_fen)


class TimedWorld(World):
    """A world in which time passes."""

    def __init__(self) -> None:
        super().__init__(SHARDS, PARTS, PARTS)
        self.now_ms = 1
        self.times_ms: list[list[int]] = [[] for _ in range(SHARDS)]
        self.model = Plain()

    def commit(self, shard: int, event: pb.SettlementEvent | None) -> None:
        if event is not None:
            self.journals[shard].append(event.SerializeToString())
            self.times_ms[shard].append(self.now_ms)
            self.states[shard].apply(len(self.journals[shard]), self.now_ms, event)
            self.model.forget(shard, self.now_ms)

    def crash(self, shard: int, snapshot_seq: int = 0) -> None:
        state = SettlementState(shard, SHARDS)
        records = zip(self.times_ms[shard], self.journals[shard], strict=True)
        for seq, (time_ms, payload) in enumerate(records, start=1):
            state.apply(seq, time_ms, pb.SettlementEvent.FromString(payload))
            if seq == snapshot_seq:
                kept, state = state.snapshot(), SettlementState(shard, SHARDS)
                state.restore(kept)
        self.states[shard] = state
