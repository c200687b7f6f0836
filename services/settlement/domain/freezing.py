"""Accounts that operators freeze: nothing leaves them by a call, and feeds that debit them wait."""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import transfer_events_pb2 as facts
from services.settlement.domain.errors import AccountFrozen, AccountUnknown, RequestIdReused
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.requested import freeze_digest, freeze_id
from services.settlement.domain.state import SettlementState


def freeze_account(state: SettlementState, decided: facts.AccountFrozen) -> pb.SettlementEvent | None:
    """The event that freezes an account, or frees it; None when the same request came before.

    Raises `AccountUnknown` and `RequestIdReused`.
    """
    before = state.ledger.digests.get(freeze_id(decided.request_id))
    if before is not None:
        if before == freeze_digest(decided):
            return None
        raise RequestIdReused("the request id was used for another account", request_id=decided.request_id)
    if state.ledger.account(decided.account_id) is None:
        raise AccountUnknown(
            f"nothing ever moved through {decided.account_id}", account_id=decided.account_id
        )
    event = pb.SettlementEvent()
    event.transfer_fact.frozen.CopyFrom(decided)
    return event


def check_not_frozen(ledger: Ledger, account_id: str) -> None:
    """Raises `AccountFrozen` when nothing may leave the account."""
    if account_id in ledger.frozen:
        raise AccountFrozen(f"{account_id} is frozen", account_id=account_id)
