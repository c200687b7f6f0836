"""ExchangeShardService: how the receiver's shard reaches the giver's."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.cards.v1 import events_pb2, exchanges_pb2, exchanges_pb2_grpc
from services.cards.api.numbered import numbered_shard
from services.cards.domain.exchanges.desk import ExchangeDesk
from services.cards.domain.exchanges.errors import ExchangeEnded, ExchangeUnknown
from services.cards.domain.exchanges.identity import key_from_text, request_bytes
from services.cards.domain.exchanges.machine import ExchangeAction
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.ports import OwnedShards
from services.cards.domain.vocabulary import CampaignId, Card, PersonId
from services.cards.exchange_contract import exchange_to_contract
from services.cards.exchange_outcomes import outcome_of
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint


class ExchangeShardApi(exchanges_pb2_grpc.ExchangeShardServiceServicer):
    """How the receiver's shard reaches the giver's."""

    def __init__(self, shards: OwnedShards, desk: ExchangeDesk) -> None:
        self._shards = shards
        self._desk = desk

    async def OpenAsk(
        self, request: exchanges_pb2.OpenAskRequest, _context: Any
    ) -> exchanges_pb2.OpenAskResponse:
        """See the contract."""
        campaign_id, asked_id = CampaignId(request.campaign_id), PersonId(request.asked_person_id)
        wish = self._desk.wish(
            asked_id,
            PersonId(request.asking_person_id),
            Card(request.card),
            request_bytes(request.request_id),
        )
        shard = self._shards.owned(self._desk.place(asked_id))
        exchange = await self._desk.open_ask(shard, campaign_id, wish)
        return exchanges_pb2.OpenAskResponse(exchange=exchange_to_contract(campaign_id, exchange))

    async def EndExchanges(
        self, request: exchanges_pb2.EndExchangesRequest, _context: Any
    ) -> exchanges_pb2.EndExchangesResponse:
        """See the contract."""
        campaign_id, shard = CampaignId(request.campaign_id), numbered_shard(self._shards, request.shard)
        keys = [key_from_text(text) for text in request.exchange_ids]
        items = [
            (PersonId(person_id), key)
            for person_id, key in zip(request.person_ids, keys, strict=True)
            if key is not None
        ]
        results = await self._desk.end(shard, campaign_id, ExchangeAction(request.action), items)
        failpoint("exchange.durable")
        found = iter(results)
        response = exchanges_pb2.EndExchangesResponse()
        for text, key in zip(request.exchange_ids, keys, strict=True):
            result: Exchange | ServiceError = (
                ExchangeUnknown(campaign_id, text) if key is None else next(found)
            )
            response.outcomes.append(outcome_of(result))
            response.states.append(_state_of(result))
            if request.is_shown and isinstance(result, Exchange):
                response.exchanges.append(exchange_to_contract(campaign_id, result))
        return response


def _state_of(result: Exchange | ServiceError) -> events_pb2.ExchangeState.ValueType:
    if isinstance(result, Exchange):
        return events_pb2.ExchangeState.ValueType(result.state.value)
    if isinstance(result, ExchangeEnded):
        # How it ended is part of the error.
        return events_pb2.ExchangeState.Value(f"EXCHANGE_STATE_{result.metadata['state']}")
    return events_pb2.EXCHANGE_STATE_UNSPECIFIED
