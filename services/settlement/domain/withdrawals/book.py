"""All withdrawals of a shard that are open, or ended and remembered."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import withdrawal_events_pb2 as withdrawal_pb
from services.mesh.timestamps import milliseconds
from services.settlement.domain.withdrawals import records, resolutions
from services.settlement.domain.withdrawals.values import (
    ResolvedOutcome,
    Withdrawal,
    WithdrawalFailure,
    WithdrawalId,
    WithdrawalState,
)


class TransferMemory(Protocol):
    """What the ledger remembers of transfers that calls caused."""

    def forget_transfer(self, transfer_id: str) -> None:
        """Drops a transfer that nobody can ask for again; a pending one has ended."""
        ...


class Outflows(Protocol):
    """What has left people's wallets, which tiers bound."""

    def note_left(self, person_id: int, amount_fen: int, at_ms: int) -> None:
        """Folds in that money has left a wallet; `at_ms` is the moment that it counts at."""
        ...

    def note_came_back(self, person_id: int, amount_fen: int, at_ms: int) -> None:
        """Folds in that money has come back; `at_ms` is the moment that `note_left` had."""
        ...


class Withdrawals:
    """A chapter of a shard's state, by number and by person."""

    def __init__(self, memory: TransferMemory, outflows: Outflows) -> None:
        self.forgotten_ms = 0
        """Those that were remembered until this moment, or for less long, are forgotten."""
        self._memory = memory
        self._outflows = outflows
        self._by_id: dict[WithdrawalId, Withdrawal] = {}
        self._by_person: dict[int, list[WithdrawalId]] = {}
        """In the order in which they were asked for."""
        self._open: dict[WithdrawalId, None] = {}
        self._contradicted: dict[WithdrawalId, None] = {}
        self._ended: list[tuple[int, WithdrawalId]] = []
        """Heap of when those that have ended can be forgotten."""

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, withdrawal_id: int) -> Withdrawal | None:
        """The withdrawal; None when there is none, or none any more."""
        return self._by_id.get(WithdrawalId(withdrawal_id))

    def of_person(self, person_id: int) -> list[Withdrawal]:
        """A person's, in the order in which they were asked for."""
        return [self._by_id[withdrawal_id] for withdrawal_id in self._by_person.get(person_id, ())]

    def asked_for(self, person_id: int, request_id: str) -> Withdrawal | None:
        """What a person's request became; None when it was never made, or is forgotten."""
        of_person = reversed(self.of_person(person_id))
        return next((known for known in of_person if known.order.request_id == request_id), None)

    def open(self) -> list[Withdrawal]:
        """Those whose money is reserved, in the order in which they were asked for."""
        return [self._by_id[withdrawal_id] for withdrawal_id in self._open]

    def contradicted(self) -> list[WithdrawalId]:
        """Those that the bank contradicts, in the order in which it did."""
        return list(self._contradicted)

    def too_late(self, request_ends_ms: int, now_ms: int) -> bool:
        """Whether a request that is not known may not be carried out any more.

        Never goes back to False, whatever becomes of the clock: what was forgotten stays too late.
        """
        return request_ends_ms <= max(now_ms, self.forgotten_ms)

    def note(self, seq: int, time_ms: int, event: pb.SettlementEvent) -> None:  # noqa: ARG002 - a chapter's method
        """See `Chapter.note`."""
        if event.WhichOneof("fact") != "withdrawal":
            return
        self._fold(time_ms, event.withdrawal)
        # By the time on record, so that replay forgets the same.
        self._forget(time_ms)

    def freeze(self) -> Callable[[pb.ShardSnapshot], None]:
        """See `Chapter.freeze`."""
        kept, forgotten_ms = list(self._by_id.values()), self.forgotten_ms

        def write_out(snapshot: pb.ShardSnapshot) -> None:
            snapshot.withdrawals.extend(records.snapshot_of(withdrawal) for withdrawal in kept)
            if forgotten_ms:
                snapshot.withdrawals_forgotten_at.FromMilliseconds(forgotten_ms)

        return write_out

    def restore(self, snapshot: pb.ShardSnapshot) -> None:
        """See `Chapter.restore`."""
        for kept in snapshot.withdrawals:
            self._keep(records.withdrawal_of(kept))
        if snapshot.HasField("withdrawals_forgotten_at"):
            self.forgotten_ms = milliseconds(snapshot.withdrawals_forgotten_at)

    def _fold(self, time_ms: int, event: withdrawal_pb.WithdrawalEvent) -> None:
        step = event.WhichOneof("step")
        if step == "requested":
            order = records.order_of(event.requested)
            assert order.withdrawal_id not in self._by_id, "a withdrawal is asked for once"
            self._keep(Withdrawal(order, time_ms))
            self._outflows.note_left(order.person_id, order.amount_fen, time_ms)
            return
        assert step is not None, "a withdrawal's event is about a step"
        before = self._by_id[WithdrawalId(getattr(event, step).withdrawal_id)]
        self._keep(_after(before, time_ms, event))
        gives_back = step == "failed"
        if step == "resolved":
            gives_back = resolutions.gives_back(before, ResolvedOutcome(event.resolved.outcome))
        if gives_back:
            self._outflows.note_came_back(
                before.order.person_id, before.order.amount_fen, before.requested_ms
            )

    def _keep(self, withdrawal: Withdrawal) -> None:
        number, order = withdrawal.withdrawal_id, withdrawal.order
        if number not in self._by_id:
            self._by_person.setdefault(order.person_id, []).append(number)
        self._by_id[number] = withdrawal
        if withdrawal.contradiction:
            self._contradicted[number] = None
        else:
            self._contradicted.pop(number, None)
        if withdrawal.is_open:
            self._open[number] = None
        else:
            self._open.pop(number, None)
            heapq.heappush(self._ended, (withdrawal.kept_until_ms, number))

    def _forget(self, now_ms: int) -> None:
        self.forgotten_ms = max(self.forgotten_ms, now_ms)
        while self._ended and self._ended[0][0] <= now_ms:
            _, number = heapq.heappop(self._ended)
            ended = self._by_id.get(number)
            if ended is None or ended.contradiction or ended.kept_until_ms > now_ms:
                continue  # It is forgotten already, somebody has to look at it, or somebody has.
            del self._by_id[number]
            of_person = self._by_person[ended.order.person_id]
            of_person.remove(number)
            if not of_person:
                del self._by_person[ended.order.person_id]
            for transfer_id in (*records.transfer_ids(number), *resolutions.transfer_ids(ended)):
                self._memory.forget_transfer(transfer_id)


def _after(before: Withdrawal, time_ms: int, event: withdrawal_pb.WithdrawalEvent) -> Withdrawal:
    """A withdrawal after one more step."""
    step = event.WhichOneof("step")
    if step == "contradicted":
        return replace(before, contradiction=event.contradicted.detail)
    if step == "resolved":
        resolution = resolutions.resolution_of(event.resolved)
        return resolutions.after(before, resolution, milliseconds(event.resolved.kept_until_at))
    assert before.is_open, "what has ended stays as it is"
    match step:
        case "submitted":
            assert before.state is WithdrawalState.REQUESTED, "an order is sent to the bank once"
            return replace(
                before,
                state=WithdrawalState.SUBMITTED,
                order_ends_ms=milliseconds(event.submitted.order_ends_at),
                cut_off_ms=milliseconds(event.submitted.cut_off_at),
            )
        case "doubted":
            return replace(before, state=WithdrawalState.UNKNOWN)
        case "succeeded":
            return replace(
                before,
                state=WithdrawalState.SUCCEEDED,
                ended_ms=time_ms,
                bank_reference=event.succeeded.bank_reference,
                kept_until_ms=milliseconds(event.succeeded.kept_until_at),
            )
        case "failed":
            return replace(
                before,
                state=WithdrawalState.FAILED,
                ended_ms=time_ms,
                failure=WithdrawalFailure(event.failed.failure),
                bank_reference=event.failed.bank_reference,
                kept_until_ms=milliseconds(event.failed.kept_until_at),
            )
    raise AssertionError(f"there is no step {step!r} of a withdrawal")
