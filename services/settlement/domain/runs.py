"""Runs: records of one feed, in a row, that one event carries out.

A run has the effect that its records would have one after another. It ends before the first record that could
not be carried out by itself at that point, whose turn comes then and who says why. Records that are not for
settlement may stand between the others. What is left out only ever makes a run shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.balances import Account
from services.settlement.domain.errors import Contradiction, FundsInTransit
from services.settlement.domain.feeds import FeedPlace
from services.settlement.domain.packets import packets
from services.settlement.domain.prizes import is_luck_of
from services.settlement.domain.registers import Completers
from services.settlement.domain.state import SettlementState
from services.settlement.domain.winnings import pay

STOCKS_MAX = 16
"""Most stocks whose packets one event pays: an event has room for as many columns, and some more."""
_PACKETS = frozenset({"packets_won", "packets_sent", "packets_received", "stock_closed"})
_ENVELOPES = frozenset({"share_claimed", "expired", "refused"})
_SETS = frozenset({"set_completed", "sets_completed"})
_PRIZES = frozenset({"set_undone", "pool_decided"})

Offered = Sequence[tuple[int, Message]]
"""Records as read: position in the source's journal, without gaps, and event."""


@dataclass(frozen=True, slots=True)
class Run:
    """Some of the records that were offered, from the front."""

    event: pb.SettlementEvent
    """What they do, together."""
    records: int
    """How many they are, with those that have no effect."""


def next_run(state: SettlementState, source: str, offered: Offered, persons_max: int) -> Run | None:
    """The event to commit for the first of the records; None when they are to be carried out one by one.

    Args:
        state: of the shard that reads the feed.
        source: `<service>/<shard>`.
        offered: the records, of one feed.
        persons_max: the most persons whom one event may be about.
    """
    place = FeedPlace(state, source, int(source.partition("/")[2]), offered[0][0])
    if place.done or place.step:
        return None
    while len(offered) > 1:
        try:
            match offered[0][1]:
                case allocation.AllocationEvent():
                    return _packets_run(place, offered, persons_max)
                case cards.CardsEvent():
                    return _sets_run(place, offered, persons_max)
                case _:
                    return None
        except (Contradiction, FundsInTransit):
            # One of the records cannot be carried out. By itself it will say why, when those before it have
            # had their effect.
            offered = offered[: len(offered) // 2]
    return None


@dataclass(slots=True)
class _Records:
    """Which of the records are in a run."""

    first_seq: int = 0
    last_seq: int = 0
    count: int = 0
    end: int = 0
    """Behind the last of them, in what was offered."""

    def take(self, index: int, seq: int) -> None:
        self.first_seq = self.first_seq or seq
        self.last_seq = seq
        self.count += 1
        self.end = index + 1

    def place(self, before: FeedPlace) -> FeedPlace:
        return FeedPlace(
            before.state,
            before.source,
            before.source_shard,
            self.last_seq,
            first_seq=self.first_seq,
            records=self.count,
        )


@dataclass(slots=True)
class _Stock:
    """The packets of one stock that are in a run."""

    escrow: Account
    campaign_id: str
    left_fen: int
    """What the escrow has left after them."""
    person_ids: list[int] = field(default_factory=list)
    amounts_fen: list[int] = field(default_factory=list)

    def take(self, won: allocation.PacketsWon) -> bool:
        """Whether another record's packets can be paid too; they are in the run then."""
        amount_fen = sum(won.amounts_fen)
        if (
            won.campaign_id != self.campaign_id
            or not 0 < len(won.person_ids) == len(won.amounts_fen)
            or amount_fen > self.left_fen
        ):
            return False
        self.left_fen -= amount_fen
        self.person_ids.extend(won.person_ids)
        self.amounts_fen.extend(won.amounts_fen)
        return True


def _packets_run(place: FeedPlace, offered: Offered, persons_max: int) -> Run | None:
    """Packets that were won, stock by stock: escrows are apart from each other, and wallets only gain."""
    records = _Records()
    stocks: dict[str, _Stock] = {}
    room = persons_max
    for index, (seq, event) in enumerate(offered):
        assert isinstance(event, allocation.AllocationEvent), "a feed has events of one kind"
        if event.WhichOneof("event") != "packets_won":
            if _has_effect(event):
                break
            continue
        won = event.packets_won
        room -= len(won.person_ids)
        stock = stocks.get(won.stock_id) or _opened(place, won, stocks)
        if room < 0 or stock is None or not stock.take(won):
            break
        records.take(index, seq)
    if records.count < 2:  # noqa: PLR2004 - one record is no run
        return None
    paid_fen = sum(sum(stock.amounts_fen) for stock in stocks.values())
    place = records.place(place)
    event = place.event(reported_fen=paid_fen)
    for stock_id, stock in stocks.items():
        if stock.person_ids:
            pay(
                place,
                event,
                packets(stock.escrow, stock_id, stock.campaign_id, stock.person_ids, stock.amounts_fen),
            )
    return _checked(
        place, Run(event, records.end), [person for stock in stocks.values() for person in stock.person_ids]
    )


def _opened(place: FeedPlace, won: allocation.PacketsWon, stocks: dict[str, _Stock]) -> _Stock | None:
    """Another stock's part of a run; None when nothing can be paid out of its escrow."""
    account = place.state.ledger.account(accounts.escrow(won.stock_id, place.source_shard))
    if account is None or len(stocks) == STOCKS_MAX or not won.stock_id.startswith(f"{won.campaign_id}."):
        return None
    stock = stocks[won.stock_id] = _Stock(account, won.campaign_id, account.balance_fen)
    return stock


def _has_effect(event: allocation.AllocationEvent) -> bool:
    kind = event.WhichOneof("event")
    return kind in _PACKETS or (kind == "envelope" and event.envelope.WhichOneof("event") in _ENVELOPES)


@dataclass(slots=True)
class _Sets:
    """The sets of one campaign that are in a run."""

    campaign_id: str
    before: Completers
    """Of the same cards shard."""
    room: int
    """How many more there may be."""
    person_ids: dict[int, None] = field(default_factory=dict)
    luck_classes: bytearray = field(default_factory=bytearray)

    def take(self, campaign_id: str, person_ids: Sequence[int], luck_classes: bytes) -> bool:
        """Whether another record's sets can be recorded too; they are in the run then."""
        persons = dict.fromkeys(person_ids)
        if (
            campaign_id != self.campaign_id
            or self.before.decided
            or not 0 < len(persons) == len(person_ids) <= self.room
            or not is_luck_of(self.before, len(person_ids), luck_classes)
            or (self.person_ids and bool(self.luck_classes) != bool(luck_classes))
            or not self.before.known.isdisjoint(persons)
            or not self.person_ids.keys().isdisjoint(persons)
        ):
            return False
        self.room -= len(persons)
        self.person_ids.update(persons)
        self.luck_classes += luck_classes
        return True


def _sets_run(place: FeedPlace, offered: Offered, persons_max: int) -> Run | None:
    """Sets of one campaign."""
    records = _Records()
    sets: _Sets | None = None
    for index, (seq, event) in enumerate(offered):
        assert isinstance(event, cards.CardsEvent), "a feed has events of one kind"
        kind = event.WhichOneof("event")
        if kind in _PRIZES:
            break
        if kind not in _SETS:
            continue
        campaign_id, person_ids, luck_classes = _completed(event)
        if sets is None:
            sets = _Sets(campaign_id, place.state.completers(campaign_id, place.source_shard), persons_max)
        if not sets.take(campaign_id, person_ids, luck_classes):
            break
        records.take(index, seq)
    if sets is None or records.count < 2:  # noqa: PLR2004 - one record is no run
        return None
    place = records.place(place)
    event = place.event()
    event.sets_recorded.campaign_id = sets.campaign_id
    event.sets_recorded.cards_shard = place.source_shard
    event.sets_recorded.person_ids.extend(sets.person_ids)
    event.sets_recorded.luck_classes = bytes(sets.luck_classes)
    return _checked(place, Run(event, records.end), list(sets.person_ids))


def _completed(event: cards.CardsEvent) -> tuple[str, Sequence[int], bytes]:
    """Campaign, persons and luck of a record of sets, of either kind."""
    if event.HasField("set_completed"):
        return event.set_completed.campaign_id, [event.set_completed.person_id], b""
    sets = event.sets_completed
    return sets.campaign_id, sets.person_ids, sets.luck_classes


def _checked(place: FeedPlace, run: Run, person_ids: Sequence[int]) -> Run:
    """The run. Raises `Contradiction` and `FundsInTransit` when one of its records is not for now."""
    place.expect_persons(person_ids)
    place.checked(run.event)
    return run
