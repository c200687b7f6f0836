"""Winnings that wait: what is known of one person's of one round or pool, and how a snapshot keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hongbao.settlement.v1 import person_events_pb2 as persons_pb
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.accounts import AccountId, waiting


class ItemKey(NamedTuple):
    """What tells one item from all others."""

    person_id: int
    """In whose waiting account it is."""
    hold_id: str
    origin_id: int
    """Who won it."""


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """One person's winnings of one round or pool."""

    key: ItemKey
    campaign_id: str
    sponsor_id: int
    """Whose money it was, and to whom it may go back."""
    amount_fen: int
    since_ms: int
    """When it was won."""
    waits_until_ms: int
    """Until when it waits, by the campaign's rule; 0: as long as the setting says."""

    @property
    def account_id(self) -> AccountId:
        """Where the money is."""
        return waiting(self.key.person_id, self.key.hold_id)

    @property
    def is_merged(self) -> bool:
        """Whether somebody won it who turned out to be the person."""
        return self.key.origin_id != self.key.person_id

    def ticket(self, person_id: int | None = None) -> persons_pb.WaitingTicket:
        """What a transfer of it says; `person_id` when it goes on to another person's account."""
        ticket = persons_pb.WaitingTicket(
            person_id=self.key.person_id if person_id is None else person_id,
            origin_person_id=self.key.origin_id,
            since=timestamp(self.since_ms),
        )
        if self.waits_until_ms:
            ticket.waits_until_at.CopyFrom(timestamp(self.waits_until_ms))
        return ticket


def person_of_waiting(account_id: str) -> int:
    """Whose winnings wait in a waiting account."""
    return int(account_id.split(":")[1])


def item_of(
    ticket: persons_pb.WaitingTicket, hold_id: str, campaign_id: str, sponsor_id: int, amount_fen: int
) -> WaitingItem:
    """The winnings that an event or a snapshot speaks of."""
    return WaitingItem(
        ItemKey(ticket.person_id, hold_id, ticket.origin_person_id),
        campaign_id,
        sponsor_id,
        amount_fen,
        milliseconds(ticket.since),
        milliseconds(ticket.waits_until_at) if ticket.HasField("waits_until_at") else 0,
    )


def item_messages(items: Iterable[WaitingItem]) -> Iterator[persons_pb.WaitingItemSnapshot]:
    """Winnings as a snapshot keeps them."""
    for item in items:
        yield persons_pb.WaitingItemSnapshot(
            ticket=item.ticket(),
            hold_id=item.key.hold_id,
            campaign_id=item.campaign_id,
            sponsor_id=item.sponsor_id,
            amount_fen=item.amount_fen,
        )
