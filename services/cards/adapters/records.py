"""The journal's records: changes as the rules see them, to and from the contract's `CardsEvent`."""

from __future__ import annotations

from hongbao.cards.v1 import events_pb2
from services.cards.adapters.people_records import (
    arrived_from_contract,
    arrived_to_contract,
    merged_from_contract,
    merged_to_contract,
    moved_from_contract,
    moved_to_contract,
)
from services.cards.contract import (
    card_values,
    completed_from_contract,
    completed_to_contract,
    created_from_contract,
    created_to_contract,
    decision_from_contract,
    decision_to_contract,
    prepared_from_contract,
    prepared_to_contract,
    seal_from_contract,
    seal_to_contract,
    source_value,
)
from services.cards.domain.events import (
    CardsDealt,
    Change,
    Deal,
    Event,
    FeedPosition,
    FeedSkipped,
    GameCreated,
    GameFunded,
    GamePrepared,
    GameRefused,
    PoolDecided,
    SetsCompleted,
    SetUndone,
    ShardSealed,
)
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesFollowed, ExchangesOpened
from services.cards.domain.people.events import HandsArrived, HandsMoved, PersonsMerged
from services.cards.domain.supply.grants import (
    DeckReceived,
    SupplyClosed,
    SupplyEnded,
    SupplyGranted,
    SupplyReported,
    SupplyReturned,
)
from services.cards.domain.vocabulary import CampaignId, PersonId, Source
from services.cards.exchange_contract import (
    ended_from_contract,
    ended_to_contract,
    followed_from_contract,
    followed_to_contract,
    opened_from_contract,
    opened_to_contract,
)
from services.cards.supply_contract import read_supply_event, write_supply_event
from services.mesh.timestamps import milliseconds, timestamp


def to_record(change: Change) -> events_pb2.CardsEvent:
    """The record that keeps a change."""
    record = events_pb2.CardsEvent()
    if change.position is not None:
        record.position.source = change.position.source
        record.position.source_seq = change.position.source_seq
    _write_event(record, change.event)
    return record


def from_record(record: events_pb2.CardsEvent) -> Change:
    """The change that a record keeps. Raises ValueError for a kind that this version does not know."""
    position = None
    if record.HasField("position"):
        position = FeedPosition(record.position.source, record.position.source_seq)
    return Change(_read_event(record), position)


def _write_event(record: events_pb2.CardsEvent, event: Event) -> None:  # noqa: C901, PLR0912 - one case for each kind
    match event:
        case CardsDealt(deals):
            record.cards_dealt.SetInParent()
            for deal in deals:
                record.cards_dealt.deals.append(_deal_to_contract(deal))
        case SetsCompleted():
            record.sets_completed.CopyFrom(completed_to_contract(event))
        case SetUndone():
            record.set_undone.campaign_id = event.campaign_id
            record.set_undone.person_id = event.person_id
        case ExchangesOpened():
            record.exchanges_opened.CopyFrom(opened_to_contract(event))
        case ExchangesEnded():
            record.exchanges_ended.CopyFrom(ended_to_contract(event))
        case ExchangesFollowed():
            record.exchanges_followed.CopyFrom(followed_to_contract(event))
        case GameCreated():
            record.game_created.CopyFrom(created_to_contract(event))
        case GameFunded(campaign_id):
            record.game_funded.campaign_id = campaign_id
        case GameRefused(campaign_id):
            record.game_refused.campaign_id = campaign_id
        case GamePrepared():
            record.game_prepared.CopyFrom(prepared_to_contract(event))
        case ShardSealed():
            record.shard_sealed.CopyFrom(seal_to_contract(event))
        case PoolDecided():
            record.pool_decided.CopyFrom(decision_to_contract(event))
        case PersonsMerged():
            record.persons_merged.CopyFrom(merged_to_contract(event))
        case HandsMoved():
            record.hands_moved.CopyFrom(moved_to_contract(event))
        case HandsArrived():
            record.hands_arrived.CopyFrom(arrived_to_contract(event))
        case (
            SupplyGranted()
            | SupplyReported()
            | DeckReceived()
            | SupplyReturned()
            | SupplyEnded()
            | SupplyClosed()
        ):
            write_supply_event(record, event)
        case FeedSkipped():
            record.feed_skipped.SetInParent()


def _read_event(record: events_pb2.CardsEvent) -> Event:  # noqa: C901, PLR0911, PLR0912 - one case for each kind
    match record.WhichOneof("event"):
        case "cards_dealt":
            return CardsDealt(tuple(map(_deal_from_contract, record.cards_dealt.deals)))
        case "sets_completed":
            return completed_from_contract(record.sets_completed)
        case "set_undone":
            undone = record.set_undone
            return SetUndone(CampaignId(undone.campaign_id), PersonId(undone.person_id))
        case "set_completed":
            done = record.set_completed
            campaign_id, completed_at_ms = CampaignId(done.campaign_id), milliseconds(done.completed_at)
            return SetsCompleted(campaign_id, [done.person_id], [completed_at_ms])
        case "exchanges_opened":
            return opened_from_contract(record.exchanges_opened)
        case "exchanges_ended":
            return ended_from_contract(record.exchanges_ended)
        case "exchanges_followed":
            return followed_from_contract(record.exchanges_followed)
        case "game_created":
            return created_from_contract(record.game_created)
        case "game_funded":
            return GameFunded(CampaignId(record.game_funded.campaign_id))
        case "game_refused":
            return GameRefused(CampaignId(record.game_refused.campaign_id))
        case "game_prepared":
            return prepared_from_contract(record.game_prepared)
        case "shard_sealed":
            return seal_from_contract(record.shard_sealed)
        case "pool_decided":
            return decision_from_contract(record.pool_decided)
        case "persons_merged":
            return merged_from_contract(record.persons_merged)
        case "hands_moved":
            return moved_from_contract(record.hands_moved)
        case "hands_arrived":
            return arrived_from_contract(record.hands_arrived)
        case "feed_skipped":
            return FeedSkipped()
        case unknown:
            supply = read_supply_event(record)
            if supply is not None:
                return supply
            raise ValueError(f"the journal holds an event that this version does not know: {unknown}")


def _deal_to_contract(deal: Deal) -> events_pb2.Deal:
    return events_pb2.Deal(
        campaign_id=deal.campaign_id,
        source=source_value(deal.source),
        first_draw_index=deal.first_draw_index,
        person_ids=deal.person_ids,
        cards=card_values(deal.cards),
        source_keys=deal.source_keys,
        dealt_at=timestamp(deal.dealt_at_ms),
    )


def _deal_from_contract(deal: events_pb2.Deal) -> Deal:
    return Deal(
        campaign_id=CampaignId(deal.campaign_id),
        source=Source(deal.source),
        first_draw_index=deal.first_draw_index,
        person_ids=deal.person_ids,
        cards=deal.cards,
        source_keys=deal.source_keys,
        dealt_at_ms=milliseconds(deal.dealt_at),
    )
