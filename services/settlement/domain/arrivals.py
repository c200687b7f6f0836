"""The feed of settlement's other shards: money that is on its way here arrives.

Holds are kept by the shard of their sponsor, so two sponsors may come to hold money under one id. Whose money
arrives first has it; the other's goes back to its sponsor at once, and no feed has to stop for it.
"""

from __future__ import annotations

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.balances import SPONSORED
from services.settlement.domain.feeds import FeedPlace

_HOLDS = frozenset({pb.TRANSFER_CODE_ROUND_HOLD, pb.TRANSFER_CODE_POOL_HOLD})


def arrivals_effect(place: FeedPlace, event: pb.SettlementEvent) -> pb.SettlementEvent | None:
    """The second half of every transfer that is onward to this shard; None when there is none.

    Raises `FundsInTransit` and `Contradiction`.
    """
    arriving = [transfer for transfer in event.transfers if is_onward_to(transfer, place.state.shard)]
    if not arriving:
        return None
    place.expect(place.source_shard != place.state.shard, "a shard sends money to itself")
    answer = place.event(reported_fen=sum(transfer.amount_fen for transfer in arriving))
    for index, transfer in enumerate(arriving):
        account_id = transfer.onward.credit_account_id
        place.expect(place.state.keeps(account_id), f"{account_id} is not kept here")
        if transfer.code == pb.TRANSFER_CODE_LEFTOVER and place.state.ledger.account(account_id) is None:
            # What the part was funded with (and every part is) comes from another shard. It comes first, so
            # that a shortage in an escrow that is there can only be due to leftovers.
            raise place.funds_in_transit(account_id)
        arrival = answer.transfers.add(
            transfer_id=place.transfer_id(index),
            debit_account_id=accounts.in_transit(place.source_shard, place.state.shard),
            credit_account_id=account_id,
            amount_fen=transfer.amount_fen,
            code=transfer.code,
            campaign_id=transfer.campaign_id,
            sponsor_id=transfer.sponsor_id,
            hold_id=transfer.hold_id,
        )
        if transfer.HasField("winnings_wait_until_at"):
            arrival.winnings_wait_until_at.CopyFrom(transfer.winnings_wait_until_at)
        if transfer.HasField("waiting"):
            arrival.waiting.CopyFrom(transfer.waiting)
        if _came_second(place, transfer):
            _send_back(place, arrival)
    return place.checked(answer)


def _came_second(place: FeedPlace, transfer: pb.Transfer) -> bool:
    """Whether the money is held under an id that is, or was, another sponsor's."""
    account = place.state.ledger.account(transfer.onward.credit_account_id)
    if account is None or account.code not in SPONSORED or transfer.code not in _HOLDS:
        return False
    return account.closed or account.sponsor_id != transfer.sponsor_id


def _send_back(place: FeedPlace, arrival: pb.Transfer) -> None:
    is_pool = arrival.code == pb.TRANSFER_CODE_POOL_HOLD
    arrival.code = pb.TRANSFER_CODE_POOL_RETURN if is_pool else pb.TRANSFER_CODE_ROUND_RETURN
    # A hold comes from the shard of its sponsor.
    arrival.onward.shard = place.source_shard
    arrival.onward.credit_account_id = accounts.sponsor(arrival.sponsor_id)
    arrival.credit_account_id = accounts.in_transit(place.state.shard, place.source_shard)


def is_onward_to(transfer: pb.Transfer, shard: int) -> bool:
    """Whether a transfer's money is on its way to the shard."""
    return transfer.HasField("onward") and transfer.onward.shard == shard


def onward_only(event: pb.SettlementEvent, shard: int) -> pb.SettlementEvent:
    """What one shard needs to know of another's event: the transfers that are onward to it."""
    return pb.SettlementEvent(
        transfers=[transfer for transfer in event.transfers if is_onward_to(transfer, shard)]
    )
