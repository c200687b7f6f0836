"""What ends a withdrawal that the bank leaves open, or contradicts: the bank's statement, read by two people.

| the books have it | PAID | NOT_PAID |
|---|---|---|
| open, past the cut-off | post | void |
| paid from the wallet | nothing moves | bank_clearing -> wallet |
| not paid | compensation -> bank_clearing | nothing moves |
| paid from the fund | nothing moves | bank_clearing -> compensation |

People keep what they were told; the house bears what its bank did by mistake.
"""

from __future__ import annotations

from dataclasses import replace

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.freezing import check_not_frozen
from services.settlement.domain.operators import plain_name, same_operator
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfers import TransferStatus
from services.settlement.domain.withdrawals import records, resolutions
from services.settlement.domain.withdrawals.errors import (
    CompensationInsufficient,
    ResolvingOperatorsSame,
    WithdrawalNotResolvable,
    WithdrawalResolvedOtherwise,
    WithdrawalUnknown,
)
from services.settlement.domain.withdrawals.values import (
    Resolution,
    ResolvedOutcome,
    Withdrawal,
    WithdrawalId,
    WithdrawalState,
)

_SHORT = frozenset({TransferStatus.DEBIT_ACCOUNT_UNKNOWN, TransferStatus.DEBIT_WOULD_GO_NEGATIVE})


def resolve_withdrawal(
    state: SettlementState, number: int, found: Resolution, *, now_ms: int, kept_ms: int
) -> pb.SettlementEvent | None:
    """The event that resolves it; None when the same is on record.

    Args:
        state: of the withdrawal's shard.
        number: the withdrawal.
        found: what the operators say; its contradiction and its moment are filled in here.
        now_ms: milliseconds since the Unix epoch.
        kept_ms: for how long it is remembered from now on.

    Raises `AccountFrozen` and the errors of this package.
    """
    withdrawal = state.withdrawals.find(number)
    if withdrawal is None:
        raise WithdrawalUnknown(number)
    if not plain_name(found.operator) or same_operator(found.operator, found.second_operator):
        raise ResolvingOperatorsSame(withdrawal.withdrawal_id, found.operator)
    if _is_on_record(withdrawal, found):
        return None
    _check_resolvable(withdrawal, now_ms)
    event = pb.SettlementEvent(transfers=_transfers(withdrawal, found.outcome, state.shard))
    found = replace(found, contradiction=withdrawal.contradiction, resolved_ms=now_ms)
    kept_until_ms = max(now_ms + kept_ms, withdrawal.order.request_ends_ms)
    event.withdrawal.resolved.CopyFrom(
        resolutions.resolved_of(replace(withdrawal, kept_until_ms=kept_until_ms), found)
    )
    _check_funded(state, withdrawal.withdrawal_id, event)
    return event


def _is_on_record(withdrawal: Withdrawal, found: Resolution) -> bool:
    """Whether it is resolved just so. Raises `WithdrawalResolvedOtherwise`."""
    known = next((one for one in withdrawal.resolutions if one.request_id == found.request_id), None)
    if known is None and withdrawal.resolutions and not withdrawal.contradiction:
        known = withdrawal.resolutions[-1]
    if known is None:
        return False
    if known.outcome is not found.outcome:
        raise WithdrawalResolvedOtherwise(withdrawal.withdrawal_id, known.outcome)
    return True


def _check_resolvable(withdrawal: Withdrawal, now_ms: int) -> None:
    if withdrawal.is_open:
        # Until then the bank may take the order yet, and the desk is asking.
        resolvable = withdrawal.state is not WithdrawalState.REQUESTED and now_ms >= withdrawal.cut_off_ms
    else:
        resolvable = bool(withdrawal.contradiction)
    if not resolvable:
        raise WithdrawalNotResolvable(withdrawal)


def _transfers(withdrawal: Withdrawal, outcome: ResolvedOutcome, shard: int) -> list[pb.Transfer]:
    """The table: what moves, none where the record was right."""
    order, paid = withdrawal.order, outcome is ResolvedOutcome.PAID
    reserve, post, void = records.transfer_ids(order.withdrawal_id)
    if withdrawal.is_open:
        if paid:
            return [records.transfer(order, shard, post, pb.TRANSFER_PHASE_POST, reserve)]
        return [records.transfer(order, shard, void, pb.TRANSFER_PHASE_VOID, reserve)]
    if withdrawal.booked_as_paid is paid:
        return []
    bank, fund = accounts.bank_clearing(shard), accounts.compensation(shard)
    if paid:
        debit, credit, code = fund, bank, pb.TRANSFER_CODE_WITHDRAWAL_LOSS
    elif withdrawal.state is WithdrawalState.SUCCEEDED:
        debit, credit, code = bank, accounts.wallet(order.person_id), pb.TRANSFER_CODE_WITHDRAWAL_RETURN
    else:
        debit, credit, code = bank, fund, pb.TRANSFER_CODE_WITHDRAWAL_LOSS_RETURN
    return [
        pb.Transfer(
            transfer_id=resolutions.transfer_id_of(order.withdrawal_id, len(withdrawal.resolutions) + 1),
            debit_account_id=debit,
            credit_account_id=credit,
            amount_fen=order.amount_fen,
            code=code,
            source_reference=f"withdrawal:{order.withdrawal_id}",
        )
    ]


def _check_funded(state: SettlementState, number: WithdrawalId, event: pb.SettlementEvent) -> None:
    """Raises `CompensationInsufficient` and `AccountFrozen`: only the fund can be short, or frozen."""
    if not event.transfers:
        return
    [transfer] = event.transfers
    if transfer.code == pb.TRANSFER_CODE_WITHDRAWAL_LOSS:
        check_not_frozen(state.ledger, transfer.debit_account_id)
    verdict = state.check(event)
    if verdict.status in _SHORT:
        account_id = transfer.debit_account_id
        raise CompensationInsufficient(number, account_id, verdict.balance_fen, transfer.amount_fen)
    assert verdict.created, f"a resolution cannot be refused with {verdict}"
