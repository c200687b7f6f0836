"""Winnings: packets and prizes on their way out of the account that holds their money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.feeds import FeedPlace


@dataclass(frozen=True, slots=True)
class Winnings:
    """What one account pays, to whom."""

    debit_account_id: str
    """An escrow or a pool share."""
    hold_id: str
    """The round or the pool that it was won in."""
    campaign_id: str
    code: pb.TransferCode.ValueType
    person_ids: Sequence[int]
    amounts_fen: Sequence[int]
    """Beside `person_ids`."""


def pay(place: FeedPlace, event: pb.SettlementEvent, winnings: Winnings) -> None:
    """Adds to a record's event, or to that of several, what moves the money to those who have won it."""
    columns = event.wallet_credits.add(
        transfer_id=place.transfer_id(len(event.wallet_credits)),
        debit_account_id=winnings.debit_account_id,
        code=winnings.code,
        campaign_id=winnings.campaign_id,
    )
    columns.person_ids.extend(winnings.person_ids)
    columns.amounts_fen.extend(winnings.amounts_fen)
