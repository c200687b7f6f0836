"""The journal's events and the domain's values: the one place where the two meet."""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import milliseconds, timestamp, timestamp_or_none
from services.settlement.domain.accounts import AccountId
from services.settlement.domain.pending import Pending, PendingEnd
from services.settlement.domain.pool import PoolDivision
from services.settlement.domain.registers import DividedPool, Hold, HoldPart, HoldPurpose
from services.settlement.domain.transfers import (
    Batch,
    Position,
    Transfer,
    TransferCode,
    TransferId,
    TransferPhase,
    WalletCredits,
)
from services.settlement.domain.wallet_holds import WalletHold

_PHASES = (TransferPhase.SINGLE, *TransferPhase)
"""By the number in the contract, where 0 is single too."""


def batch_of(event: pb.SettlementEvent) -> Batch:
    """The ledger's part of an event."""
    position = None
    if event.HasField("position"):
        at = event.position
        position = Position(
            at.source,
            at.source_seq,
            at.step,
            at.more,
            at.reported_fen,
            first_seq=at.first_seq,
            records=at.records or 1,
        )
    return Batch(
        transfers=[transfer_of(transfer) for transfer in event.transfers],
        columns=[_columns_of(columns) for columns in event.wallet_credits],
        position=position,
    )


def hold_of(created: pb.HoldCreated) -> Hold:
    """The hold that an event records."""
    return Hold(
        created.hold_id,
        created.campaign_id,
        created.sponsor_id,
        HoldPurpose(created.purpose),
        tuple(HoldPart(part.part, part.amount_fen) for part in created.parts),
        milliseconds(created.winnings_wait_until_at) if created.HasField("winnings_wait_until_at") else 0,
        created.from_budget,
    )


def hold_event(hold: Hold) -> pb.HoldCreated:
    """The event that records a hold."""
    return pb.HoldCreated(
        hold_id=hold.hold_id,
        campaign_id=hold.campaign_id,
        sponsor_id=hold.sponsor_id,
        purpose=pb.HoldPurpose.ValueType(hold.purpose),
        parts=[pb.HoldPart(part=part.part, amount_fen=part.amount_fen) for part in hold.parts],
        winnings_wait_until_at=timestamp_or_none(hold.winnings_wait_until_ms),
        from_budget=hold.from_budget,
    )


def wallet_hold_of(created: pb.WalletHoldCreated) -> WalletHold:
    """The hold that an event records."""
    return WalletHold(
        created.envelope_id, created.person_id, created.amount_fen, milliseconds(created.hold_ends_at)
    )


def divided_of(divided: pb.PoolDivided) -> DividedPool:
    """The divided pool that an event records."""
    division = PoolDivision(
        divided.pool_fen,
        divided.share_fen,
        divided.remainder_fen,
        tuple(divided.sets_by_shard),
        tuple(divided.luck_shares_fen),
        tuple(divided.shard_shares_fen),
    )
    return DividedPool(divided.campaign_id, divided.sponsor_id, division)


def divided_event(divided: DividedPool) -> pb.PoolDivided:
    """The event that records a divided pool."""
    division = divided.division
    return pb.PoolDivided(
        campaign_id=divided.campaign_id,
        sponsor_id=divided.sponsor_id,
        pool_fen=division.pool_fen,
        share_fen=division.share_fen,
        remainder_fen=division.remainder_fen,
        sets_by_shard=division.sets_by_shard,
        luck_shares_fen=division.luck_shares_fen,
        shard_shares_fen=division.shard_shares_fen,
    )


def transfer_of(transfer: pb.Transfer) -> Transfer:
    """The transfer that an event holds, as the ledger sees it."""
    return Transfer(
        TransferId(transfer.transfer_id),
        AccountId(transfer.debit_account_id),
        AccountId(transfer.credit_account_id),
        transfer.amount_fen,
        TransferCode(transfer.code),
        transfer.campaign_id,
        transfer.sponsor_id,
        _PHASES[transfer.phase],
        TransferId(transfer.pending_id),
        milliseconds(transfer.expires_at) if transfer.phase == pb.TRANSFER_PHASE_PENDING else 0,
    )


def pending_of(snapshot: pb.PendingSnapshot) -> Pending:
    """The pending transfer that a snapshot holds."""
    end = PendingEnd(snapshot.end) if snapshot.end else None
    return Pending(transfer_of(snapshot.transfer), end, snapshot.posted_fen)


def pending_snapshot(pending: Pending) -> pb.PendingSnapshot:
    """A pending transfer as a snapshot holds it; until when it is remembered is left open."""
    transfer = pending.transfer
    snapshot = pb.PendingSnapshot(
        transfer=pb.Transfer(
            transfer_id=transfer.transfer_id,
            debit_account_id=transfer.debit,
            credit_account_id=transfer.credit,
            amount_fen=transfer.amount_fen,
            code=pb.TransferCode.ValueType(transfer.code),
            campaign_id=transfer.campaign_id,
            sponsor_id=transfer.sponsor_id,
            phase=pb.TRANSFER_PHASE_PENDING,
        ),
        end=pb.PendingEnd.ValueType(pending.end or 0),
        posted_fen=pending.posted_fen,
    )
    if transfer.expires_ms:
        snapshot.transfer.expires_at.CopyFrom(timestamp(transfer.expires_ms))
    return snapshot


def _columns_of(columns: pb.WalletCredits) -> WalletCredits:
    return WalletCredits(
        TransferId(columns.transfer_id),
        AccountId(columns.debit_account_id),
        list(columns.person_ids),
        list(columns.amounts_fen),
        TransferCode(columns.code),
        columns.campaign_id,
        columns.waiting_hold_id,
    )
