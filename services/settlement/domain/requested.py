"""Transfers that were asked for by name, pending ones, and frozen accounts: what a shard remembers of them.

A transfer's id is remembered until the moment that its request names as the last at which it may be carried
out, and the end of a pending transfer as long as the request that ended it. So operators and services may ask
again after a lost answer, and memory stays as small as what could still be asked for.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import transfer_events_pb2 as facts
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.accounts import AccountId
from services.settlement.domain.balances import Freeze
from services.settlement.domain.events import pending_of, pending_snapshot
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.transfers import DIGEST_BYTES, TransferId


@dataclass(frozen=True, slots=True)
class RequestedTransfer:
    """One transfer that was asked for by name."""

    transfer: pb.Transfer
    """As it happened."""
    request_ends_ms: int
    """Until when it could be asked for, milliseconds since the Unix epoch."""
    seq: int
    """The event that it happened with."""
    time_ms: int
    """When that was, milliseconds since the Unix epoch."""
    operator: str
    """Who asked for it; empty when nobody said."""


class RequestedTransfers:
    """A chapter of a shard's state (see `Chapter`), with the ledger's pending transfers and freezes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._by_id: dict[str, RequestedTransfer] = {}
        self._ends: dict[str, int] = {}
        """Until when each id must be remembered; pending ones that stand have none."""
        self._forgettable: list[tuple[int, str]] = []
        """Heap of the same."""
        self.refused_holds: dict[str, int] = {}
        """Until when holds that were refused stay refused, milliseconds since the Unix epoch."""
        self._refused_ends: list[tuple[int, str]] = []
        """Heap of the same."""
        self.forgotten_ms = 0
        """Ids that could be asked for until this moment, or for less long, are forgotten."""

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, transfer_id: str) -> RequestedTransfer | None:
        """A transfer that was asked for; None when there is none, or none any more."""
        return self._by_id.get(transfer_id)

    def too_late(self, request_ends_ms: int, now_ms: int) -> bool:
        """Whether what is not known may not be asked for any more. Never goes back to False."""
        return request_ends_ms <= max(now_ms, self.forgotten_ms)

    def forgettable(self, now_ms: int) -> bool:
        """Whether something could be forgotten, and will be with the shard's next event."""
        return bool(self._forgettable) and self._forgettable[0][0] <= now_ms

    def note(self, seq: int, time_ms: int, event: pb.SettlementEvent) -> None:
        """See `Chapter.note`."""
        if event.WhichOneof("fact") == "transfer_fact":
            self._note_fact(seq, time_ms, event)
        self._forget(time_ms)

    def freeze(self) -> Callable[[pb.ShardSnapshot], None]:
        """See `Chapter.freeze`."""
        pendings = [
            (pending, self._ends.get(pending.transfer.transfer_id, 0))
            for pending in self._ledger.pendings.all()
        ]
        written = [(pending_snapshot(pending), ends_ms) for pending, ends_ms in pendings]
        requested = list(self._by_id.values())
        frozen = list(self._ledger.frozen.items())
        refused = list(self.refused_holds.items())
        forgotten_ms = self.forgotten_ms

        def write(snapshot: pb.ShardSnapshot) -> None:
            for message, ends_ms in written:
                if ends_ms and message.end:
                    message.forgotten_at.CopyFrom(timestamp(ends_ms))
                snapshot.pendings.append(message)
            snapshot.requested_transfers.extend(map(_requested_snapshot, requested))
            for account_id, freeze in frozen:
                snapshot.frozen_accounts.add(
                    frozen=_frozen_fact(account_id, freeze), frozen_at=timestamp(freeze.since_ms)
                )
            for hold_id, ends_ms in refused:
                snapshot.refused_holds.add(hold_id=hold_id, hold_ends_at=timestamp(ends_ms))
            if forgotten_ms:
                snapshot.requests_forgotten_at.CopyFrom(timestamp(forgotten_ms))

        return write

    def restore(self, snapshot: pb.ShardSnapshot) -> None:
        """See `Chapter.restore`."""
        self.forgotten_ms = milliseconds(snapshot.requests_forgotten_at)
        for message in snapshot.pendings:
            self._ledger.pendings.restore(pending_of(message))
            if message.HasField("forgotten_at"):
                self._remember(message.transfer.transfer_id, milliseconds(message.forgotten_at))
        for kept in snapshot.requested_transfers:
            self._add(
                RequestedTransfer(
                    kept.transfer,
                    milliseconds(kept.request_ends_at),
                    kept.seq,
                    milliseconds(kept.posted_at),
                    kept.operator,
                )
            )
        for refused in snapshot.refused_holds:
            self._note_refused(refused)
        for row in snapshot.frozen_accounts:
            self._note_frozen(milliseconds(row.frozen_at), row.frozen)

    def _note_fact(self, seq: int, time_ms: int, event: pb.SettlementEvent) -> None:
        fact = event.transfer_fact
        match fact.WhichOneof("fact"):
            case "requested":
                self._note_requested(seq, time_ms, event.transfers, fact.requested)
                self._note_repeated(fact.requested)
            case "expired":
                for transfer in event.transfers:
                    self._ledger.digests.pop(TransferId(transfer.transfer_id), None)
                    self._remember(transfer.pending_id, milliseconds(fact.expired.forgotten_at))
            case "frozen":
                self._note_frozen(time_ms, fact.frozen)
            case "hold_refused":
                self._note_refused(fact.hold_refused)

    def _note_requested(
        self, seq: int, time_ms: int, transfers: Iterable[pb.Transfer], asked: facts.TransfersRequested
    ) -> None:
        ends_ms = milliseconds(asked.request_ends_at)
        for transfer in transfers:
            self._add(RequestedTransfer(transfer, ends_ms, seq, time_ms, asked.operator))
            if transfer.pending_id:
                self._remember(transfer.pending_id, ends_ms)

    def _note_repeated(self, asked: facts.TransfersRequested) -> None:
        ends_ms = milliseconds(asked.request_ends_at)
        for transfer_id in asked.repeated_transfer_ids:
            known = replace(self._by_id[transfer_id], request_ends_ms=ends_ms)
            self._add(known)
            pending = self._ledger.pendings.find(known.transfer.pending_id)
            if pending is not None:
                self._remember(pending.transfer.transfer_id, ends_ms)

    def _add(self, requested: RequestedTransfer) -> None:
        transfer_id = requested.transfer.transfer_id
        self._by_id[transfer_id] = requested
        self._remember(transfer_id, requested.request_ends_ms)

    def _note_refused(self, refused: facts.HoldRefused) -> None:
        ends_ms = milliseconds(refused.hold_ends_at)
        if ends_ms > self.refused_holds.get(refused.hold_id, 0):
            # At the end, where it was before or not: snapshots keep the order.
            self.refused_holds.pop(refused.hold_id, None)
            self.refused_holds[refused.hold_id] = ends_ms
            heapq.heappush(self._refused_ends, (ends_ms, refused.hold_id))

    def _note_frozen(self, time_ms: int, decided: facts.AccountFrozen) -> None:
        account_id = AccountId(decided.account_id)
        if decided.frozen:
            self._ledger.frozen[account_id] = Freeze(
                decided.reason, decided.operator, decided.request_id, time_ms
            )
        else:
            self._ledger.frozen.pop(account_id, None)
        self._ledger.digests[freeze_id(decided.request_id)] = freeze_digest(decided)

    def _remember(self, transfer_id: str, ends_ms: int) -> None:
        if ends_ms > self._ends.get(transfer_id, 0):
            self._ends[transfer_id] = ends_ms
            heapq.heappush(self._forgettable, (ends_ms, transfer_id))

    def _forget(self, now_ms: int) -> None:
        self.forgotten_ms = max(self.forgotten_ms, now_ms)
        while self._refused_ends and self._refused_ends[0][0] <= now_ms:
            _, hold_id = heapq.heappop(self._refused_ends)
            if self.refused_holds.get(hold_id, now_ms + 1) <= now_ms:
                del self.refused_holds[hold_id]
        while self._forgettable and self._forgettable[0][0] <= now_ms:
            ends_ms, transfer_id = heapq.heappop(self._forgettable)
            if self._ends.get(transfer_id) != ends_ms:
                continue  # It has to be remembered for longer.
            del self._ends[transfer_id]
            pending = self._ledger.pendings.find(transfer_id)
            # One that stands is remembered until it ends, and then as long as what ended it.
            if pending is None or not pending.open:
                self._by_id.pop(transfer_id, None)
                self._ledger.forget_transfer(transfer_id)


def freeze_id(request_id: str) -> TransferId:
    """What a request to freeze an account is remembered by."""
    return TransferId(f"freeze:{request_id.lower()}")


def freeze_digest(decided: facts.AccountFrozen) -> bytes:
    """16 bytes that stand for what a request to freeze an account says."""
    parts = (decided.account_id, str(decided.frozen), decided.reason, decided.operator)
    return blake2b("\0".join(parts).encode(), digest_size=DIGEST_BYTES).digest()


def _requested_snapshot(requested: RequestedTransfer) -> pb.RequestedSnapshot:
    return pb.RequestedSnapshot(
        transfer=requested.transfer,
        request_ends_at=timestamp(requested.request_ends_ms),
        seq=requested.seq,
        posted_at=timestamp(requested.time_ms),
        operator=requested.operator,
    )


def _frozen_fact(account_id: AccountId, freeze: Freeze) -> facts.AccountFrozen:
    return facts.AccountFrozen(
        account_id=account_id,
        frozen=True,
        reason=freeze.reason,
        operator=freeze.operator,
        request_id=freeze.request_id,
    )
