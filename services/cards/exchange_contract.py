"""Exchanges of the contract and of the rules, to and from each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from hongbao.cards.v1 import events_pb2, exchanges_pb2, snapshot_pb2
from services.cards.contract import card_value, card_values
from services.cards.domain.exchanges.events import (
    ExchangesEnded,
    ExchangesFollowed,
    ExchangesOpened,
    FollowedPart,
)
from services.cards.domain.exchanges.identity import exchange_text, request_bytes, request_text
from services.cards.domain.exchanges.machine import ExchangeKind, ExchangeState
from services.cards.domain.exchanges.table import Exchange, ExchangeColumns
from services.cards.domain.vocabulary import CampaignId, Card, PersonId
from services.mesh.timestamps import milliseconds, timestamp, timestamp_or_none

_Kinds = Sequence[events_pb2.ExchangeKind.ValueType]
_States = Sequence[events_pb2.ExchangeState.ValueType]


def opened_to_contract(opened: ExchangesOpened) -> events_pb2.ExchangesOpened:
    """What began, as the contract has it."""
    return events_pb2.ExchangesOpened(
        campaign_id=opened.campaign_id,
        kind=events_pb2.ExchangeKind.ValueType(opened.kind.value),
        opened_at=timestamp(opened.opened_at_ms),
        expires_at=timestamp(opened.expires_at_ms),
        giver_person_ids=opened.giver_ids,
        receiver_person_ids=opened.receiver_ids,
        cards=card_values(opened.cards),
        request_ids=opened.request_ids,
        receiver_shards=opened.receiver_shards,
    )


def opened_from_contract(opened: events_pb2.ExchangesOpened) -> ExchangesOpened:
    """The inverse."""
    return ExchangesOpened(
        campaign_id=CampaignId(opened.campaign_id),
        kind=ExchangeKind(opened.kind),
        opened_at_ms=milliseconds(opened.opened_at),
        expires_at_ms=milliseconds(opened.expires_at),
        giver_ids=opened.giver_person_ids,
        receiver_ids=opened.receiver_person_ids,
        cards=opened.cards,
        request_ids=opened.request_ids,
        receiver_shards=opened.receiver_shards,
    )


def ended_to_contract(ended: ExchangesEnded) -> events_pb2.ExchangesEnded:
    """What ended, as the contract has it."""
    return events_pb2.ExchangesEnded(
        campaign_id=ended.campaign_id,
        ended_at=timestamp(ended.ended_at_ms),
        kinds=cast("_Kinds", ended.kinds),
        giver_person_ids=ended.giver_ids,
        receiver_person_ids=ended.receiver_ids,
        cards=card_values(ended.cards),
        request_ids=ended.request_ids,
        states=cast("_States", ended.states),
        receiver_shards=ended.receiver_shards,
    )


def ended_from_contract(ended: events_pb2.ExchangesEnded) -> ExchangesEnded:
    """The inverse."""
    return ExchangesEnded(
        campaign_id=CampaignId(ended.campaign_id),
        ended_at_ms=milliseconds(ended.ended_at),
        kinds=ended.kinds,
        giver_ids=ended.giver_person_ids,
        receiver_ids=ended.receiver_person_ids,
        cards=ended.cards,
        request_ids=ended.request_ids,
        states=ended.states,
        receiver_shards=ended.receiver_shards,
    )


def followed_to_contract(followed: ExchangesFollowed) -> events_pb2.ExchangesFollowed:
    """What was followed, as the contract has it."""
    message = events_pb2.ExchangesFollowed()
    for kept in followed.parts:
        part = message.parts.add(source_seq=kept.source_seq)
        if isinstance(kept.part, ExchangesOpened):
            part.opened.CopyFrom(opened_to_contract(kept.part))
        else:
            part.ended.CopyFrom(ended_to_contract(kept.part))
    return message


def followed_from_contract(followed: events_pb2.ExchangesFollowed) -> ExchangesFollowed:
    """The inverse."""
    return ExchangesFollowed(
        tuple(
            FollowedPart(
                part.source_seq,
                opened_from_contract(part.opened)
                if part.WhichOneof("part") == "opened"
                else ended_from_contract(part.ended),
            )
            for part in followed.parts
        )
    )


def exchange_to_contract(campaign_id: CampaignId, exchange: Exchange) -> exchanges_pb2.Exchange:
    """One exchange, as the contract has it."""
    return exchanges_pb2.Exchange(
        exchange_id=exchange_text(exchange.key),
        campaign_id=campaign_id,
        kind=events_pb2.ExchangeKind.ValueType(exchange.kind.value),
        state=events_pb2.ExchangeState.ValueType(exchange.state.value),
        giver_person_id=exchange.giver_id,
        receiver_person_id=exchange.receiver_id,
        card=card_value(exchange.card),
        request_id=request_text(exchange.request_id),
        opened_at=timestamp(exchange.opened_at_ms),
        expires_at=timestamp(exchange.expires_at_ms),
        ended_at=timestamp_or_none(exchange.ended_at_ms),
    )


def exchange_from_contract(exchange: exchanges_pb2.Exchange) -> Exchange:
    """The inverse."""
    return Exchange(
        kind=ExchangeKind(exchange.kind),
        state=ExchangeState(exchange.state),
        giver_id=PersonId(exchange.giver_person_id),
        receiver_id=PersonId(exchange.receiver_person_id),
        card=Card(exchange.card),
        request_id=request_bytes(exchange.request_id),
        opened_at_ms=milliseconds(exchange.opened_at),
        expires_at_ms=milliseconds(exchange.expires_at),
        ended_at_ms=milliseconds(exchange.ended_at),
    )


def columns_to_snapshot(columns: ExchangeColumns) -> snapshot_pb2.ExchangesSnapshot:
    """All exchanges of a game, to be kept."""
    return snapshot_pb2.ExchangesSnapshot(
        giver_person_ids=columns.giver_ids,
        receiver_person_ids=columns.receiver_ids,
        receiver_shards=columns.receiver_shards,
        request_ids=columns.request_ids,
        kinds=columns.kinds,
        cards=columns.cards,
        states=columns.states,
        opened_at_ms=columns.opened_at_ms,
        expires_at_ms=columns.expires_at_ms,
        ended_at_ms=columns.ended_at_ms,
        sides=columns.sides,
    )


def columns_from_snapshot(kept: snapshot_pb2.ExchangesSnapshot) -> ExchangeColumns:
    """The inverse."""
    return ExchangeColumns(
        giver_ids=kept.giver_person_ids,
        receiver_ids=kept.receiver_person_ids,
        receiver_shards=kept.receiver_shards,
        request_ids=kept.request_ids,
        kinds=kept.kinds,
        cards=kept.cards,
        states=kept.states,
        opened_at_ms=kept.opened_at_ms,
        expires_at_ms=kept.expires_at_ms,
        ended_at_ms=kept.ended_at_ms,
        sides=kept.sides,
    )
