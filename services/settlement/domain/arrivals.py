"""The feed of settlement's other shards: money that is on its way here arrives."""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.feeds import FeedPlace


def arrivals_effect(place: FeedPlace, event: pb.SettlementEvent) -> pb.SettlementEvent | None:
    """The second half of every transfer that is onward to this shard; None when there is none.

    Raises `Contradiction`.
    """
    arriving = [transfer for transfer in event.transfers if is_onward_to(transfer, place.state.shard)]
    if not arriving:
        return None
    place.expect(place.source_shard != place.state.shard, "a shard sends money to itself")
    answer = place.event(reported_fen=sum(transfer.amount_fen for transfer in arriving))
    for index, transfer in enumerate(arriving):
        account_id = transfer.onward.credit_account_id
        place.expect(place.state.keeps(account_id), f"{account_id} is not kept here")
        answer.transfers.add(
            transfer_id=place.transfer_id(index),
            debit_account_id=accounts.in_transit(place.source_shard, place.state.shard),
            credit_account_id=account_id,
            amount_fen=transfer.amount_fen,
            code=transfer.code,
            campaign_id=transfer.campaign_id,
            sponsor_id=transfer.sponsor_id,
            hold_id=transfer.hold_id,
        )
    return place.checked(answer)


def is_onward_to(transfer: pb.Transfer, shard: int) -> bool:
    """Whether a transfer's money is on its way to the shard."""
    return transfer.HasField("onward") and transfer.onward.shard == shard


def onward_only(event: pb.SettlementEvent, shard: int) -> pb.SettlementEvent:
    """What one shard needs to know of another's event: the transfers that are onward to it."""
    return pb.SettlementEvent(
        transfers=[transfer for transfer in event.transfers if is_onward_to(transfer, shard)]
    )
