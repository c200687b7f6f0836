"""An account as the contract carries it."""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import settlement_pb2 as pb
from services.mesh.timestamps import timestamp
from services.settlement.domain.accounts import Side
from services.settlement.domain.balances import Account
from services.settlement.domain.ledger import Ledger


def account_message(account: Account, ledger: Ledger) -> pb.Account:
    """An account of a ledger, with what is reserved on it, and whether it is frozen."""
    normal = -1 if account.code.normal_side is Side.DEBIT else 1
    pendings = ledger.pendings
    message = pb.Account(
        account_id=account.account_id,
        code=events.AccountCode.ValueType(account.code),
        balance_fen=normal * account.balance_fen,
        closed=account.closed,
        available_fen=ledger.available_fen(account.account_id),
        debits_pending_fen=pendings.debits_fen(account.account_id),
        credits_pending_fen=pendings.credits_fen(account.account_id),
    )
    freeze = ledger.frozen.get(account.account_id)
    if freeze is not None:
        message.frozen.reason = freeze.reason
        message.frozen.operator = freeze.operator
        message.frozen.frozen_at.CopyFrom(timestamp(freeze.since_ms))
    return message
