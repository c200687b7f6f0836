"""The supply of a game in the contract, and as the rules have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hongbao.cards.v1 import events_pb2, snapshot_pb2, supply_pb2
from services.cards.domain.supply.decks import DeckRecord
from services.cards.domain.supply.grants import (
    DeckReceived,
    Grant,
    SealedSupply,
    ShardSupply,
    SupplyClosed,
    SupplyEnded,
    SupplyGranted,
    SupplyReported,
    SupplyReturned,
    by_source,
    source_column,
)
from services.cards.domain.supply.home import HomeSupply, restored
from services.cards.domain.supply.issued import Issued
from services.cards.domain.supply.leasing import LeaseAnswer, LeaseRequest
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CARDS, CampaignId, Source

SupplyEvent = SupplyGranted | SupplyReported | DeckReceived | SupplyReturned | SupplyEnded | SupplyClosed
_KINDS = len(CARDS)


def grant_to_contract(grant: Grant) -> events_pb2.SupplyGrant:
    """A lease as the contract has it."""
    return events_pb2.SupplyGrant(
        lease_no=grant.lease_no, cards_by_kind=grant.cards, deals_by_source=source_column(grant.deals)
    )


def grant_from_contract(grant: events_pb2.SupplyGrant) -> Grant:
    """The inverse."""
    return Grant(grant.lease_no, tuple(grant.cards_by_kind), by_source(grant.deals_by_source))


def supply_told_to_contract(supply: ShardSupply) -> events_pb2.ShardSupply:
    """What a shard did with its leases, as the contract has it."""
    return events_pb2.ShardSupply(
        returned_by_kind=supply.returned,
        returned_by_source=source_column(supply.returned_deals),
        dealt_by_source=source_column(supply.dealt),
    )


def supply_told_from_contract(supply: events_pb2.ShardSupply) -> ShardSupply:
    """The inverse."""
    return ShardSupply(
        tuple(supply.returned_by_kind),
        by_source(supply.returned_by_source),
        by_source(supply.dealt_by_source),
    )


def sealed_to_contract(sealed: SealedSupply) -> events_pb2.SealedSupply:
    """A shard's books at its seal, as the contract has them."""
    return events_pb2.SealedSupply(
        lease_no=sealed.lease_no,
        leased_by_kind=sealed.leased,
        supply=supply_told_to_contract(sealed.supply),
    )


def sealed_from_contract(sealed: events_pb2.SealedSupply) -> SealedSupply:
    """The inverse."""
    return SealedSupply(
        sealed.lease_no, tuple(sealed.leased_by_kind), supply_told_from_contract(sealed.supply)
    )


def lease_request_from_contract(request: supply_pb2.LeaseSupplyRequest) -> LeaseRequest:
    """What a shard wants, as the rules have it."""
    return LeaseRequest(
        CampaignId(request.campaign_id),
        request.shard,
        request.lease_no,
        request.wanted_cards,
        by_source(request.wanted_by_source),
        supply_told_from_contract(request.supply),
    )


def lease_request_to_contract(request: LeaseRequest) -> supply_pb2.LeaseSupplyRequest:
    """The inverse."""
    return supply_pb2.LeaseSupplyRequest(
        campaign_id=request.campaign_id,
        shard=request.shard,
        lease_no=request.lease_no,
        wanted_cards=request.wanted_cards,
        wanted_by_source=source_column(request.wanted_deals),
        supply=supply_told_to_contract(request.supply),
    )


def lease_answer_from_contract(answer: supply_pb2.LeaseSupplyResponse) -> LeaseAnswer:
    """What home says, as the rules have it."""
    return LeaseAnswer(
        grant_from_contract(answer.grant) if answer.HasField("grant") else None,
        answer.is_supply_ended,
        sources_from_contract(answer.ended_sources),
        answer.retry_after_ms,
        answer.is_scarce,
    )


def write_supply_event(record: events_pb2.CardsEvent, event: SupplyEvent) -> None:
    """Puts an event of the supply into a record."""
    match event:
        case SupplyGranted():
            granted = record.supply_granted
            granted.campaign_id, granted.shard = event.campaign_id, event.shard
            granted.grant.CopyFrom(grant_to_contract(event.grant))
            granted.supply.CopyFrom(supply_told_to_contract(event.supply))
            granted.carry_by_kind.extend(event.carry)
        case SupplyReported():
            reported = record.supply_reported
            reported.campaign_id, reported.shard = event.campaign_id, event.shard
            reported.supply.CopyFrom(supply_told_to_contract(event.supply))
        case DeckReceived():
            record.deck_received.campaign_id = event.campaign_id
            record.deck_received.grant.CopyFrom(grant_to_contract(event.grant))
        case SupplyReturned():
            record.supply_returned.campaign_id = event.campaign_id
            record.supply_returned.cards_by_kind.extend(event.cards)
            record.supply_returned.deals_by_source.extend(source_column(event.deals))
        case SupplyEnded():
            record.supply_ended.campaign_id = event.campaign_id
            record.supply_ended.is_supply_ended = event.is_supply_ended
            record.supply_ended.ended_sources.extend(sources_to_contract(event.sources))
        case SupplyClosed():
            record.supply_closed.CopyFrom(_closed_to_contract(event))


def read_supply_event(record: events_pb2.CardsEvent) -> SupplyEvent | None:  # noqa: PLR0911 - one case for each kind
    """The event of the supply that a record holds; None when it is of another kind."""
    match record.WhichOneof("event"):
        case "supply_granted":
            granted = record.supply_granted
            return SupplyGranted(
                CampaignId(granted.campaign_id),
                granted.shard,
                grant_from_contract(granted.grant),
                supply_told_from_contract(granted.supply),
                tuple(granted.carry_by_kind),
            )
        case "supply_reported":
            told = record.supply_reported
            return SupplyReported(
                CampaignId(told.campaign_id), told.shard, supply_told_from_contract(told.supply)
            )
        case "deck_received":
            deck = record.deck_received
            return DeckReceived(CampaignId(deck.campaign_id), grant_from_contract(deck.grant))
        case "supply_returned":
            back = record.supply_returned
            return SupplyReturned(
                CampaignId(back.campaign_id), tuple(back.cards_by_kind), by_source(back.deals_by_source)
            )
        case "supply_ended":
            ended = record.supply_ended
            sources = sources_from_contract(ended.ended_sources)
            return SupplyEnded(CampaignId(ended.campaign_id), ended.is_supply_ended, sources)
        case "supply_closed":
            return _closed_from_contract(record.supply_closed)
        case _:
            return None


def sources_to_contract(sources: Iterable[Source]) -> list[events_pb2.CardSource.ValueType]:
    """Sources as the contract's enum, in order: the numbers are the same."""
    return [events_pb2.CardSource.ValueType(source.value) for source in sorted(sources)]


def sources_from_contract(sources: Iterable[int]) -> tuple[Source, ...]:
    """The inverse."""
    return tuple(map(Source, sources))


def issued_to_snapshot(issued: Issued) -> snapshot_pb2.ShardSupplySnapshot:
    """A shard's supply, to be kept."""
    records = issued.decks.records()
    return snapshot_pb2.ShardSupplySnapshot(
        lease_no=issued.lease_no,
        leased_by_kind=issued.leased,
        leased_by_source=source_column(issued.leased_deals),
        supply=supply_told_to_contract(issued.supply),
        is_supply_ended=issued.is_supply_ended,
        ended_sources=sources_to_contract(issued.ended_sources),
        deck_numbers=[record.number for record in records],
        deck_counts=[count for record in records for count in record.counts],
        deck_dealt=[record.dealt for record in records],
        open_index=issued.decks.open_index,
    )


def restore_issued(issued: Issued, cards: Sequence[int], kept: snapshot_pb2.ShardSupplySnapshot) -> None:
    """Puts what was kept into a supply that is new; `cards` were dealt, by card."""
    told = supply_told_from_contract(kept.supply)
    issued.lease_no = kept.lease_no
    issued.leased, issued.leased_deals = tuple(kept.leased_by_kind), by_source(kept.leased_by_source)
    issued.returned, issued.returned_deals = told.returned, told.returned_deals
    issued.from_sources, issued.cards = list(told.dealt), list(cards)
    issued.is_supply_ended = kept.is_supply_ended
    issued.ended_sources = frozenset(sources_from_contract(kept.ended_sources))
    records, draws = [], 0
    for number, counts, dealt in zip(
        kept.deck_numbers, _rows(kept.deck_counts, _KINDS), kept.deck_dealt, strict=True
    ):
        records.append(DeckRecord(number, counts, draws, dealt))
        draws += dealt
    issued.decks.restore(records, kept.open_index)


def home_to_snapshot(home: HomeSupply) -> snapshot_pb2.HomeSupplySnapshot:
    """The supply at a game's home shard, to be kept."""
    width = max(len(source_column(granted)) for granted in home.granted_deals)
    return snapshot_pb2.HomeSupplySnapshot(
        granted_by_kind=[count for granted in home.granted for count in granted],
        granted_by_source=[count for granted in home.granted_deals for count in granted[:width]],
        supplies=map(supply_told_to_contract, home.supplies),
        last_grants=map(grant_to_contract, home.last_grants),
        carry_by_kind=home.carry,
        closed=None if home.closed is None else _closed_to_contract(home.closed),
    )


def home_from_snapshot(plan: SupplyPlan, kept: snapshot_pb2.HomeSupplySnapshot) -> HomeSupply:
    """The inverse."""
    granted = _rows(kept.granted_by_kind, _KINDS)
    width = len(kept.granted_by_source) // len(granted)
    home = restored(
        plan,
        granted,
        [by_source(row) for row in _rows(kept.granted_by_source, width)],
        [supply_told_from_contract(supply) for supply in kept.supplies],
        [grant_from_contract(grant) for grant in kept.last_grants],
    )
    home.carry = tuple(kept.carry_by_kind)
    home.closed = _closed_from_contract(kept.closed) if kept.HasField("closed") else None
    return home


def _rows(column: Sequence[int], width: int) -> list[tuple[int, ...]]:
    flat = list(column)
    return [tuple(flat[start : start + width]) for start in range(0, len(flat), width)]


def _closed_to_contract(closed: SupplyClosed) -> events_pb2.SupplyClosed:
    return events_pb2.SupplyClosed(
        campaign_id=closed.campaign_id,
        issued_by_kind=closed.issued,
        returned_by_kind=closed.returned,
        granted_in_vain_by_kind=closed.granted_in_vain,
        never_granted_by_kind=closed.never_granted,
    )


def _closed_from_contract(closed: events_pb2.SupplyClosed) -> SupplyClosed:
    return SupplyClosed(
        CampaignId(closed.campaign_id),
        tuple(closed.issued_by_kind),
        tuple(closed.returned_by_kind),
        tuple(closed.granted_in_vain_by_kind),
        tuple(closed.never_granted_by_kind),
    )
