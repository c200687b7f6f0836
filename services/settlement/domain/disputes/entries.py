"""What the journal says about an entry that is disputed."""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.accounts import AccountId
from services.settlement.domain.disputes.dispute import DisputedEntry
from services.settlement.domain.transfers import TransferCode

_MOVES = frozenset({pb.TRANSFER_PHASE_UNSPECIFIED, pb.TRANSFER_PHASE_SINGLE, pb.TRANSFER_PHASE_POST})
"""Phases that change balances; what is only reserved, or released, is no reason to dispute."""


def entry_in(
    event: pb.SettlementEvent, seq: int, time_ms: int, person_id: int, line: int
) -> DisputedEntry | None:
    """The movement of a person's wallet in one line of an event; None when it moved nothing of theirs.

    Lines are counted as statements count them: each transfer is one, each credit of a column is one.
    """
    if line < len(event.transfers):
        return _of_transfer(event.transfers[line], seq, time_ms, person_id, line)
    index = line - len(event.transfers)
    for columns in event.wallet_credits:
        if index < len(columns.person_ids):
            if columns.waiting_hold_id or columns.person_ids[index] != person_id:
                return None
            return DisputedEntry(
                seq,
                line,
                columns.amounts_fen[index],
                credited=True,
                code=TransferCode(columns.code),
                other=AccountId(columns.debit_account_id),
                campaign_id=columns.campaign_id,
                posted_ms=time_ms,
            )
        index -= len(columns.person_ids)
    return None


def _of_transfer(
    transfer: pb.Transfer, seq: int, time_ms: int, person_id: int, line: int
) -> DisputedEntry | None:
    wallet = accounts.wallet(person_id)
    if transfer.phase not in _MOVES or wallet not in {
        transfer.debit_account_id,
        transfer.credit_account_id,
    }:
        return None
    credited = transfer.credit_account_id == wallet
    return DisputedEntry(
        seq,
        line,
        transfer.amount_fen,
        credited,
        TransferCode(transfer.code),
        AccountId(transfer.debit_account_id if credited else transfer.credit_account_id),
        transfer.campaign_id,
        time_ms,
    )
