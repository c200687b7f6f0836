"""Envelopes: their money is held when they are sent, paid out share by share, and returned at the end."""

from __future__ import annotations

from dataclasses import replace

from hongbao.allocation.v1 import envelope_events_pb2 as envelopes
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain import accounts
from services.settlement.domain.balances import Account
from services.settlement.domain.commands import send
from services.settlement.domain.errors import (
    HoldConflict,
    HoldMisplaced,
    HoldTooLate,
    WalletInsufficient,
)
from services.settlement.domain.feeds import FeedPlace
from services.settlement.domain.freezing import check_not_frozen
from services.settlement.domain.leaving import check_may_leave
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfers import TransferStatus
from services.settlement.domain.wallet_holds import WalletHold


def create_wallet_hold(state: SettlementState, hold: WalletHold, now_ms: int) -> pb.SettlementEvent | None:
    """The event that takes an envelope's money out of a wallet; None when it was taken before.

    Raises `HoldMisplaced`, `HoldConflict`, `HoldTooLate`, `AccountFrozen`, `PersonUnverified`,
    `TierLimitExceeded` and `WalletInsufficient`.
    """
    if shard_of(hold.envelope_id, state.shard_count) != state.shard:
        raise HoldMisplaced(
            f"envelope {hold.envelope_id} belongs to another shard than person {hold.person_id}",
            envelope_id=hold.envelope_id,
            person_id=hold.person_id,
        )
    holds = state.registers.wallet_holds
    existing = holds.find(hold.envelope_id)
    if existing is not None and existing.ended and existing.ends_ms != hold.ends_ms:
        # An older envelope had this id, as a person's request had: allocation remembers neither for ever.
        raise _too_late(hold)
    if existing is not None and existing.amount_fen:
        if replace(existing, ended=False) == hold:
            return None
        account_id = accounts.envelope(hold.envelope_id)
        raise HoldConflict(f"{account_id} holds other money", hold_id=account_id)
    if existing is not None or holds.too_late(hold.ends_ms, now_ms):
        raise _too_late(hold)
    check_not_frozen(state.ledger, accounts.wallet(hold.person_id))
    # It counts for the year in which it may be taken at the latest, and comes back for the same one.
    check_may_leave(state, hold.person_id, hold.amount_fen, hold.ends_ms)
    event = _hold_event(hold)
    verdict = state.check(event)
    if verdict.status in {TransferStatus.DEBIT_ACCOUNT_UNKNOWN, TransferStatus.DEBIT_WOULD_GO_NEGATIVE}:
        available_fen = state.ledger.available_fen(accounts.wallet(hold.person_id))
        raise WalletInsufficient(
            f"{available_fen} fen are available, {hold.amount_fen} fen are needed",
            person_id=hold.person_id,
            available_fen=available_fen,
            needed_fen=hold.amount_fen,
        )
    assert verdict.created, f"money for an envelope cannot be refused with {verdict}"
    return event


def envelopes_effect(place: FeedPlace, event: envelopes.EnvelopeEvent) -> pb.SettlementEvent | None:
    """What a record about an envelope does to the books; None when nothing. Raises `Contradiction`."""
    match event.WhichOneof("event"):
        case "share_claimed":
            return _share_claimed(place, event.share_claimed)
        case "expired":
            return _expired(place, event.expired)
        case "refused":
            return _refused(place, event.refused)
        case _:
            return None


def _too_late(hold: WalletHold) -> HoldTooLate:
    return HoldTooLate(
        f"the money of envelope {hold.envelope_id} is asked for too late",
        envelope_id=hold.envelope_id,
        hold_ends_at_ms=hold.ends_ms,
    )


def _hold_event(hold: WalletHold) -> pb.SettlementEvent:
    event = pb.SettlementEvent()
    event.transfers.add(
        transfer_id=accounts.envelope(hold.envelope_id),
        debit_account_id=accounts.wallet(hold.person_id),
        credit_account_id=accounts.envelope(hold.envelope_id),
        amount_fen=hold.amount_fen,
        code=pb.TRANSFER_CODE_ENVELOPE_HOLD,
    )
    created = event.wallet_hold_created
    created.envelope_id = hold.envelope_id
    created.person_id = hold.person_id
    created.amount_fen = hold.amount_fen
    created.hold_ends_at.CopyFrom(timestamp(hold.ends_ms))
    return event


def _share_claimed(place: FeedPlace, claimed: envelopes.ShareClaimed) -> pb.SettlementEvent:
    # An envelope opens after its money is held, here: a share without money is not early, it is wrong.
    hold, account = _held(place, claimed.envelope_id)
    place.expect(claimed.person_id > 0, "a person's id is not above 0")
    left_fen = account.balance_fen - claimed.amount_fen
    place.expect(left_fen == 0 if claimed.last else left_fen > 0, f"{left_fen} fen would be left")
    event = place.event(reported_fen=claimed.amount_fen)
    event.transfers.append(
        _to_wallet(place, account, claimed.person_id, claimed.amount_fen, pb.TRANSFER_CODE_ENVELOPE_SHARE)
    )
    if claimed.last:
        _end(event, hold, returned_fen=0)
    return place.checked(event)


def _expired(place: FeedPlace, expired: envelopes.EnvelopeExpired) -> pb.SettlementEvent:
    hold, account = _held(place, expired.envelope_id)
    place.expect(hold.person_id == expired.sender_id, f"the money is person {hold.person_id}'s")
    place.expect(
        (account.debits_fen, account.balance_fen) == (expired.claimed_fen, expired.returned_fen),
        f"{account.debits_fen} fen were paid, {account.balance_fen} fen are left",
    )
    return _return_all(place, hold, account)


def _refused(place: FeedPlace, refused: envelopes.EnvelopeRefused) -> pb.SettlementEvent:
    """Allocation gave the envelope up. An attempt that it thought had failed may have taken the money."""
    hold = place.state.registers.wallet_holds.find(refused.envelope_id)
    ends_ms = milliseconds(refused.fund_ends_at)
    if hold is None or (hold.ended and hold.ends_ms != ends_ms):
        # Or an older envelope had this id, and its money is no more.
        event = place.event()
        given_up = WalletHold(refused.envelope_id, refused.sender_id, 0, ends_ms)
        _end(event, given_up, returned_fen=0)
        return place.checked(event)
    hold, account = _held(place, refused.envelope_id)
    place.expect(
        (hold.person_id, account.balance_fen) == (refused.sender_id, refused.amount_fen),
        f"{account.balance_fen} fen of person {hold.person_id} are held",
    )
    return _return_all(place, hold, account)


def _return_all(place: FeedPlace, hold: WalletHold, account: Account) -> pb.SettlementEvent:
    left_fen = account.balance_fen
    place.expect(left_fen > 0, "nothing is left to go back")
    event = place.event(reported_fen=left_fen)
    event.transfers.append(
        _to_wallet(place, account, hold.person_id, left_fen, pb.TRANSFER_CODE_ENVELOPE_RETURN)
    )
    _end(event, hold, returned_fen=left_fen)
    return place.checked(event)


def _held(place: FeedPlace, envelope_id: int) -> tuple[WalletHold, Account]:
    hold = place.state.registers.wallet_holds.find(envelope_id)
    account = place.state.ledger.account(accounts.envelope(envelope_id))
    if hold is None or hold.ended or account is None:
        raise place.contradiction(f"no money is held for envelope {envelope_id}")
    return hold, account


def _to_wallet(
    place: FeedPlace,
    account: Account,
    person_id: int,
    amount_fen: int,
    code: pb.TransferCode.ValueType,
) -> pb.Transfer:
    return send(
        place.state,
        pb.Transfer(
            transfer_id=place.transfer_id(),
            debit_account_id=account.account_id,
            credit_account_id=accounts.wallet(person_id),
            amount_fen=amount_fen,
            code=code,
        ),
    )


def _end(event: pb.SettlementEvent, hold: WalletHold, *, returned_fen: int) -> None:
    ended = event.wallet_hold_ended
    ended.envelope_id = hold.envelope_id
    ended.person_id = hold.person_id
    ended.returned_fen = returned_fen
    ended.hold_ends_at.CopyFrom(timestamp(hold.ends_ms))
