"""Outcomes of items of batches, to and from the errors that single calls raise."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hongbao.cards.v1 import exchanges_pb2
from services.cards.domain.errors import DeadlinePassed, GameNotOpen
from services.cards.domain.exchanges.ending import Named
from services.cards.domain.exchanges.errors import (
    CardNotHeld,
    ExchangeEnded,
    ExchangeUnknown,
    NotFriends,
    RequestIdReused,
    SelfGift,
)
from services.cards.domain.exchanges.identity import exchange_text, giver_of
from services.cards.domain.exchanges.machine import ExchangeState
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.flows.errors import FanInLimitReached, VelocityLimitReached, WaitingLimitReached
from services.cards.domain.vocabulary import CampaignId
from services.mesh.errors import ServiceError

OUTCOMES: Mapping[type[ServiceError], exchanges_pb2.ExchangeOutcome.ValueType] = MappingProxyType(
    {
        GameNotOpen: exchanges_pb2.EXCHANGE_OUTCOME_GAME_NOT_OPEN,
        DeadlinePassed: exchanges_pb2.EXCHANGE_OUTCOME_DEADLINE_PASSED,
        CardNotHeld: exchanges_pb2.EXCHANGE_OUTCOME_CARD_NOT_HELD,
        NotFriends: exchanges_pb2.EXCHANGE_OUTCOME_NOT_FRIENDS,
        SelfGift: exchanges_pb2.EXCHANGE_OUTCOME_SELF_GIFT,
        RequestIdReused: exchanges_pb2.EXCHANGE_OUTCOME_REQUEST_ID_REUSED,
        ExchangeUnknown: exchanges_pb2.EXCHANGE_OUTCOME_EXCHANGE_UNKNOWN,
        VelocityLimitReached: exchanges_pb2.EXCHANGE_OUTCOME_VELOCITY_LIMIT_REACHED,
        WaitingLimitReached: exchanges_pb2.EXCHANGE_OUTCOME_WAITING_LIMIT_REACHED,
        FanInLimitReached: exchanges_pb2.EXCHANGE_OUTCOME_FAN_IN_LIMIT_REACHED,
        ExchangeEnded: exchanges_pb2.EXCHANGE_OUTCOME_EXCHANGE_ENDED,
    }
)
"""What stands for each error; for any other, UNAVAILABLE."""


def outcome_of(result: Exchange | ServiceError | None) -> exchanges_pb2.ExchangeOutcome.ValueType:
    """What stands for the result of an item."""
    if result is None or isinstance(result, Exchange):
        return exchanges_pb2.EXCHANGE_OUTCOME_DONE
    return OUTCOMES.get(type(result), exchanges_pb2.EXCHANGE_OUTCOME_UNAVAILABLE)


def error_of(
    outcome: exchanges_pb2.ExchangeOutcome.ValueType,
    campaign_id: CampaignId,
    item: Named,
    state: int,
) -> ServiceError:
    """The error that an outcome stands for, when a receiver acts on an exchange in this state."""
    person_id, key = item
    if outcome == exchanges_pb2.EXCHANGE_OUTCOME_NOT_FRIENDS:
        return NotFriends(giver_of(key), person_id)
    if outcome == exchanges_pb2.EXCHANGE_OUTCOME_EXCHANGE_ENDED:
        return ExchangeEnded(campaign_id, exchange_text(key), ExchangeState(state).name)
    return ExchangeUnknown(campaign_id, exchange_text(key))
