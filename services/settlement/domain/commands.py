"""What callers ask of the ledger: decided against a shard's state, answered with the event to commit.

None means that the same request was carried out before, and nothing is left to do.
"""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import timestamp, timestamp_or_none
from services.settlement.domain import accounts
from services.settlement.domain.accounts import AccountId, code_of
from services.settlement.domain.errors import (
    BalanceLimitExceeded,
    FundsInsufficient,
    HoldConflict,
    HoldTooLate,
    RequestIdReused,
    SettlementError,
)
from services.settlement.domain.events import hold_event
from services.settlement.domain.freezing import check_not_frozen
from services.settlement.domain.registers import Hold, HoldPart, HoldPurpose
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfers import TransferStatus, Verdict


def deposit_id(request_id: str) -> str:
    """The id of the transfer that books a deposit."""
    return f"deposit:{request_id.lower()}"


def deposit(
    state: SettlementState, request_id: str, sponsor_id: int, amount_fen: int
) -> pb.SettlementEvent | None:
    """Books money that a sponsor has paid in. Raises `RequestIdReused` and `BalanceLimitExceeded`."""
    transfer = pb.Transfer(
        transfer_id=deposit_id(request_id),
        debit_account_id=accounts.bank_clearing(state.shard),
        credit_account_id=accounts.sponsor(sponsor_id),
        amount_fen=amount_fen,
        code=pb.TRANSFER_CODE_DEPOSIT,
        sponsor_id=sponsor_id,
    )
    event = pb.SettlementEvent(transfers=[transfer])
    verdict = state.check(event)
    match verdict.status:
        case TransferStatus.CREATED:
            return event
        case TransferStatus.EXISTS:
            return None
        case TransferStatus.EXISTS_WITH_OTHER_CONTENT:
            raise RequestIdReused("the request id was used for another deposit", request_id=request_id)
        case TransferStatus.BALANCE_PAST_LIMIT:
            raise _past_limit(verdict)
        case _:
            raise AssertionError(f"a deposit cannot fail with {verdict}")


def create_hold(
    state: SettlementState, hold: Hold, ends_ms: int | None = None, now_ms: int = 0
) -> pb.SettlementEvent | None:
    """Sets a sponsor's money aside, all parts or none.

    Raises `HoldConflict`, `HoldTooLate`, `AccountFrozen`, `FundsInsufficient` and `BalanceLimitExceeded`.

    Args:
        state: of the sponsor's shard.
        hold: what is to be held.
        ends_ms: until when the money may be taken, milliseconds since the Unix epoch; None for ever.
        now_ms: wall time.
    """
    existing = state.registers.holds.get(hold.hold_id)
    if existing is not None:
        if existing == hold:
            return None
        raise HoldConflict(f"hold {hold.hold_id} exists and is another one", hold_id=hold.hold_id)
    if ends_ms is not None and ends_ms <= now_ms:
        raise _hold_too_late(hold, ends_ms)
    source = _funds(hold)
    check_not_frozen(state.ledger, source)
    transfers = [_part_transfer(state, hold, part) for part in hold.parts if part.amount_fen]
    event = pb.SettlementEvent(transfers=transfers, hold_created=hold_event(hold))
    verdict = state.check(event)
    match verdict.status:
        case TransferStatus.CREATED:
            if ends_ms is not None and ends_ms <= state.requested.refused_holds.get(hold.hold_id, 0):
                # Somebody was told that there is no money, and may rely on it.
                raise _hold_too_late(hold, ends_ms)
            return event
        case TransferStatus.DEBIT_ACCOUNT_UNKNOWN | TransferStatus.DEBIT_WOULD_GO_NEGATIVE:
            available_fen = state.ledger.available_fen(source)
            raise FundsInsufficient(
                f"{available_fen} fen are available, {hold.amount_fen} fen are needed",
                sponsor_id=hold.sponsor_id,
                available_fen=available_fen,
                needed_fen=hold.amount_fen,
            )
        case TransferStatus.SPONSOR_DIFFERS | TransferStatus.CREDIT_ACCOUNT_CLOSED:
            raise HoldConflict(f"hold {hold.hold_id} is another sponsor's", hold_id=hold.hold_id)
        case TransferStatus.BALANCE_PAST_LIMIT:
            raise _past_limit(verdict)
        case _:
            raise AssertionError(f"a hold cannot fail with {verdict}")


def hold_refused(
    state: SettlementState, hold_id: str, ends_ms: int | None, now_ms: int
) -> pb.SettlementEvent | None:
    """The event that remembers a refusal for as long as the refused request could come again.

    None when that need not be remembered: it is, or the request is over, or the hold exists.
    """
    if ends_ms is None or ends_ms <= now_ms or hold_id in state.registers.holds:
        return None
    if ends_ms <= state.requested.refused_holds.get(hold_id, 0):
        return None
    event = pb.SettlementEvent()
    event.transfer_fact.hold_refused.hold_id = hold_id
    event.transfer_fact.hold_refused.hold_ends_at.CopyFrom(timestamp(ends_ms))
    return event


def hold_account(hold: Hold, part: int) -> AccountId:
    """Where a part of a hold is kept until it is spent or returned."""
    if hold.purpose is HoldPurpose.POOL:
        return accounts.pool(hold.campaign_id)
    return accounts.escrow(hold.hold_id, part)


def _hold_too_late(hold: Hold, ends_ms: int) -> HoldTooLate:
    return HoldTooLate(
        f"the money of hold {hold.hold_id} is asked for too late",
        hold_id=hold.hold_id,
        hold_ends_at_ms=ends_ms,
    )


def _funds(hold: Hold) -> AccountId:
    """Where the money of a hold comes from."""
    if hold.from_budget:
        return accounts.budget(hold.campaign_id, hold.sponsor_id)
    return accounts.sponsor(hold.sponsor_id)


def send(state: SettlementState, transfer: pb.Transfer) -> pb.Transfer:
    """Makes a transfer go by way of in transit when the credited account lives on another shard."""
    account_id = transfer.credit_account_id
    shard = accounts.shard_of_account(account_id, state.shard_count)
    if shard != state.shard:
        transfer.onward.shard = shard
        transfer.onward.credit_account_id = account_id
        transfer.credit_account_id = accounts.in_transit(state.shard, shard)
    return transfer


def _part_transfer(state: SettlementState, hold: Hold, part: HoldPart) -> pb.Transfer:
    is_pool = hold.purpose is HoldPurpose.POOL
    return send(
        state,
        pb.Transfer(
            transfer_id=f"hold:{hold.hold_id}:{part.part}",
            debit_account_id=_funds(hold),
            credit_account_id=hold_account(hold, part.part),
            amount_fen=part.amount_fen,
            code=pb.TRANSFER_CODE_POOL_HOLD if is_pool else pb.TRANSFER_CODE_ROUND_HOLD,
            campaign_id=hold.campaign_id,
            sponsor_id=hold.sponsor_id,
            hold_id=hold.hold_id,
            winnings_wait_until_at=timestamp_or_none(hold.winnings_wait_until_ms),
        ),
    )


def _past_limit(verdict: Verdict) -> SettlementError:
    return BalanceLimitExceeded(
        f"{verdict.account_id} would pass the largest balance",
        account_id=verdict.account_id,
        balance_fen=verdict.balance_fen,
        limit_fen=code_of(verdict.account_id).balance_fen_max,
    )
