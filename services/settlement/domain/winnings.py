"""Winnings: packets and prizes on their way out of the account that holds their money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.feeds import FeedPlace


@dataclass(frozen=True, slots=True)
class Winnings:
    """What one account pays, to whom."""

    debit_account_id: str
    """An escrow or a pool share."""
    hold_id: str
    """The round or the pool that it was won in."""
    sponsor_id: int
    """Whose money it is, until it is a person's."""
    campaign_id: str
    code: pb.TransferCode.ValueType
    person_ids: Sequence[int]
    amounts_fen: Sequence[int]
    """Beside `person_ids`."""


def pay(place: FeedPlace, event: pb.SettlementEvent, winnings: Winnings) -> None:
    """Adds to a record's event, or to that of several, what moves the money to those who have won it.

    To wallets of people who are known, to waiting accounts of all others.
    """
    people = place.state.people
    if people.knows_all(winnings.person_ids):
        _add(place, event, winnings)
        return
    credited = list(zip(winnings.person_ids, winnings.amounts_fen, strict=True))
    known = [credit for credit in credited if people.knows(credit[0])]
    if known:
        _add(place, event, _part(winnings, known))
    strangers = [credit for credit in credited if not people.knows(credit[0])]
    columns = _add(place, event, _part(winnings, strangers))
    columns.waiting_hold_id = winnings.hold_id
    columns.waiting_sponsor_id = winnings.sponsor_id


def _part(winnings: Winnings, credited: Sequence[tuple[int, int]]) -> Winnings:
    return replace(
        winnings,
        person_ids=[person_id for person_id, _ in credited],
        amounts_fen=[amount_fen for _, amount_fen in credited],
    )


def _add(place: FeedPlace, event: pb.SettlementEvent, winnings: Winnings) -> pb.WalletCredits:
    columns = event.wallet_credits.add(
        transfer_id=place.transfer_id(len(event.wallet_credits)),
        debit_account_id=winnings.debit_account_id,
        code=winnings.code,
        campaign_id=winnings.campaign_id,
    )
    columns.person_ids.extend(winnings.person_ids)
    columns.amounts_fen.extend(winnings.amounts_fen)
    return columns
