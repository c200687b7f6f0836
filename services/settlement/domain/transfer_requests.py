"""Transfers that are asked for by name: what becomes of each, and the event that carries them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import timestamp
from services.settlement.domain.accounts import AccountId
from services.settlement.domain.checks import BatchCheck
from services.settlement.domain.commands import send
from services.settlement.domain.events import transfer_of
from services.settlement.domain.pending import Pending, PendingEnd
from services.settlement.domain.requested import RequestedTransfer
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfer_items import (
    ItemResult,
    ItemStatus,
    Refusal,
    TransferItem,
    TransferRequest,
)
from services.settlement.domain.transfer_rules import check_accounts, sponsor_of_budgets
from services.settlement.domain.transfers import TransferId, TransferPhase, TransferStatus

_ENDED = {
    PendingEnd.POSTED: ItemStatus.PENDING_ALREADY_POSTED,
    PendingEnd.VOIDED: ItemStatus.PENDING_ALREADY_VOIDED,
    PendingEnd.EXPIRED: ItemStatus.PENDING_EXPIRED,
}
_REFUSED = {
    TransferStatus.DEBIT_ACCOUNT_UNKNOWN: ItemStatus.DEBIT_ACCOUNT_UNKNOWN,
    TransferStatus.DEBIT_ACCOUNT_FROZEN: ItemStatus.DEBIT_ACCOUNT_FROZEN,
    TransferStatus.DEBIT_WOULD_GO_NEGATIVE: ItemStatus.DEBIT_WOULD_GO_NEGATIVE,
    TransferStatus.BALANCE_PAST_LIMIT: ItemStatus.BALANCE_PAST_LIMIT,
}
"""What the ledger can answer to an item that has passed all other checks."""


@dataclass(slots=True)
class Decision:
    """What is to be done about a request."""

    results: list[ItemResult] = field(default_factory=list)
    """One for each item."""
    transfers: list[pb.Transfer] = field(default_factory=list)
    """What is to be carried out, in order."""
    repeated_ids: list[str] = field(default_factory=list)
    """What was carried out before, and can be asked for by this request for longer than by the one before."""

    def event(self, request: TransferRequest) -> pb.SettlementEvent | None:
        """The event to commit; None when there is nothing to carry out, or to remember for longer."""
        if not (self.transfers or self.repeated_ids):
            return None
        event = pb.SettlementEvent(transfers=self.transfers)
        event.transfer_fact.requested.repeated_transfer_ids.extend(self.repeated_ids)
        event.transfer_fact.requested.request_ends_at.CopyFrom(timestamp(request.ends_ms))
        event.transfer_fact.requested.operator = request.operator
        return event


def decide_transfers(state: SettlementState, request: TransferRequest, now_ms: int) -> Decision:
    """What becomes of each item, after those before it. Changes nothing."""
    check = _Check(state, request, now_ms)
    decision = Decision(repeated_ids=check.outlasting())
    for chain in _chains(request.items):
        results, transfers = check.chain(chain)
        decision.results += results
        decision.transfers += transfers
    return decision


def _chains(items: Sequence[TransferItem]) -> Iterator[Sequence[TransferItem]]:
    """Items that are linked, together; the others alone."""
    start = 0
    for index, item in enumerate(items, start=1):
        if not item.linked or index == len(items):
            yield items[start:index]
            start = index


class _Check:
    """Checks items against a shard's state and what the items before them come to."""

    def __init__(self, state: SettlementState, request: TransferRequest, now_ms: int) -> None:
        self._state = state
        self._request = request
        self._now_ms = now_ms
        self._too_late = state.requested.too_late(request.ends_ms, now_ms)
        self._ledger = BatchCheck(state.ledger, asked_for=True)

    def outlasting(self) -> list[str]:
        """What exists and would be forgotten while a copy of this request could still come.

        Whoever was told that it exists must not find it carried out again, whatever became of the rest.
        """
        if self._too_late:
            return []
        remembered = [self._state.requested.find(item.transfer_id) for item in self._request.items]
        return [
            known.transfer.transfer_id
            for known in remembered
            if known is not None and known.request_ends_ms < self._request.ends_ms
        ]

    def chain(self, items: Sequence[TransferItem]) -> tuple[list[ItemResult], list[pb.Transfer]]:
        """What becomes of linked items: all of them are carried out, or none."""
        repeated = [self._repeated(item) for item in items]
        if all(status is ItemStatus.EXISTS for status in repeated):
            return [ItemResult(ItemStatus.EXISTS)] * len(items), []
        before = self._ledger.changes.copy() if len(items) > 1 else None
        transfers: list[pb.Transfer] = []
        for index, (item, status) in enumerate(zip(items, repeated, strict=True)):
            is_open = item.linked and index == len(items) - 1
            try:
                transfers.append(self._carried_out(item, ItemStatus.LINKED_CHAIN_OPEN if is_open else status))
            except Refusal as refusal:
                if before is not None:
                    self._ledger.changes = before
                results = [ItemResult(ItemStatus.LINKED_EVENT_FAILED)] * len(items)
                results[index] = refusal.result
                return results, []
        return [ItemResult(ItemStatus.CREATED)] * len(items), transfers

    def _repeated(self, item: TransferItem) -> ItemStatus | None:
        """EXISTS, or what differs, for an item that was carried out before; None for a new one."""
        known = self._state.requested.find(item.transfer_id)
        return None if known is None else _difference(known, item, self._state)

    def _carried_out(self, item: TransferItem, status: ItemStatus | None) -> pb.Transfer:
        """The transfer that carries an item out; `status` when it cannot be, whatever it says.

        Raises `Refusal`; then nothing has changed.
        """
        if status is not None:
            raise Refusal(status)
        if self._too_late:
            raise Refusal(ItemStatus.TOO_LATE)
        if item.phase.ends_pending != bool(item.pending_id):
            raise Refusal(ItemStatus.PENDING_ID_MISPLACED)
        if item.timeout_ms and item.phase is not TransferPhase.PENDING:
            raise Refusal(ItemStatus.TIMEOUT_MISPLACED)
        return self._end(item) if item.phase.ends_pending else self._begin(item)

    def _end(self, item: TransferItem) -> pb.Transfer:
        pending = self._ledger.pending(TransferId(item.pending_id))
        if pending is None:
            raise Refusal(ItemStatus.PENDING_UNKNOWN)
        reserved = pending.transfer
        whole = _completed(item, pending)
        asked = (whole.debit, whole.credit, whole.code, whole.campaign_id)
        if asked != (reserved.debit, reserved.credit, reserved.code, reserved.campaign_id):
            raise Refusal(ItemStatus.PENDING_DIFFERS, reserved.debit)
        if pending.end is not None:
            raise Refusal(_ENDED[pending.end], reserved.debit)
        if reserved.expires_ms and reserved.expires_ms <= self._now_ms:
            raise Refusal(ItemStatus.PENDING_EXPIRED, reserved.debit)
        if whole.amount_fen <= 0:
            raise Refusal(ItemStatus.AMOUNT_NOT_POSITIVE)
        transfer = _transfer(whole, reserved.sponsor_id)
        transfer.phase = pb.TransferPhase.ValueType(item.phase)
        transfer.pending_id = item.pending_id
        verdict = self._ledger.transfer(transfer_of(transfer))
        if verdict is not None:
            assert verdict.status is TransferStatus.PENDING_AMOUNT_EXCEEDED, f"{verdict} cannot be answered"
            raise Refusal(ItemStatus.PENDING_AMOUNT_EXCEEDED, reserved.debit, reserved.amount_fen)
        return transfer

    def _begin(self, item: TransferItem) -> pb.Transfer:
        if item.amount_fen <= 0:
            raise Refusal(ItemStatus.AMOUNT_NOT_POSITIVE)
        check_accounts(self._state, item)
        debit, credit = AccountId(item.debit), AccountId(item.credit)
        if credit in self._state.ledger.frozen:
            if (status := self._ledger.debit_refused(debit)) is not None:
                raise Refusal(_REFUSED[status], debit)
            raise Refusal(ItemStatus.CREDIT_ACCOUNT_FROZEN, credit)
        transfer = send(self._state, _transfer(item, sponsor_of_budgets(item)))
        if item.phase is TransferPhase.PENDING:
            transfer.phase = pb.TRANSFER_PHASE_PENDING
            transfer.timeout_ms = item.timeout_ms
            if item.timeout_ms:
                transfer.expires_at.CopyFrom(timestamp(self._now_ms + item.timeout_ms))
        verdict = self._ledger.transfer(transfer_of(transfer))
        if verdict is not None:
            raise Refusal(_REFUSED[verdict.status], verdict.account_id, verdict.balance_fen)
        return transfer


def _difference(known: RequestedTransfer, item: TransferItem, state: SettlementState) -> ItemStatus:
    """EXISTS when an item is what was carried out before, else the first thing in which it is not."""
    before = known.transfer
    if TransferPhase(before.phase or TransferPhase.SINGLE) is not item.phase:
        return ItemStatus.EXISTS_WITH_OTHER_PHASE
    if before.pending_id != item.pending_id:
        return ItemStatus.EXISTS_WITH_OTHER_PENDING_ID
    if before.timeout_ms != item.timeout_ms:
        return ItemStatus.EXISTS_WITH_OTHER_TIMEOUT
    pending = state.ledger.pendings.find(item.pending_id) if item.pending_id else None
    whole = item if pending is None else _completed(item, pending)
    credit = before.onward.credit_account_id if before.HasField("onward") else before.credit_account_id
    compared = (
        (whole.debit, before.debit_account_id, ItemStatus.EXISTS_WITH_OTHER_DEBIT_ACCOUNT),
        (whole.credit, credit, ItemStatus.EXISTS_WITH_OTHER_CREDIT_ACCOUNT),
        (whole.amount_fen, before.amount_fen, ItemStatus.EXISTS_WITH_OTHER_AMOUNT),
        (whole.code, before.code, ItemStatus.EXISTS_WITH_OTHER_CODE),
        (whole.campaign_id, before.campaign_id, ItemStatus.EXISTS_WITH_OTHER_CAMPAIGN),
        (whole.source_reference, before.source_reference, ItemStatus.EXISTS_WITH_OTHER_REFERENCE),
    )
    return next((status for now, then, status in compared if now != then), ItemStatus.EXISTS)


def _completed(item: TransferItem, pending: Pending) -> TransferItem:
    """An item that ends a pending transfer, with what it leaves to that one."""
    reserved = pending.transfer
    return replace(
        item,
        debit=item.debit or reserved.debit,
        credit=item.credit or reserved.credit,
        amount_fen=item.amount_fen or reserved.amount_fen,
        code=item.code or reserved.code,
        campaign_id=item.campaign_id or reserved.campaign_id,
    )


def _transfer(item: TransferItem, sponsor_id: int) -> pb.Transfer:
    assert item.code is not None, "what is carried out has a code"
    return pb.Transfer(
        transfer_id=item.transfer_id,
        debit_account_id=item.debit,
        credit_account_id=item.credit,
        amount_fen=item.amount_fen,
        code=pb.TransferCode.ValueType(item.code),
        campaign_id=item.campaign_id,
        sponsor_id=sponsor_id,
        source_reference=item.source_reference,
    )
