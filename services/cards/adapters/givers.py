"""The shards of givers, wherever their owners are, as receivers' shards ask them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from hongbao.cards.v1 import exchanges_pb2, exchanges_pb2_grpc
from services.cards.contract import card_value
from services.cards.domain.exchanges.ending import Named
from services.cards.domain.exchanges.identity import exchange_text, request_text
from services.cards.domain.exchanges.machine import ExchangeAction
from services.cards.domain.exchanges.opening import Wish
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.vocabulary import CampaignId
from services.cards.exchange_contract import exchange_from_contract
from services.cards.exchange_outcomes import error_of
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.interceptors.deadline import remaining_s
from services.mesh.shards.router import ShardRouter

_PATIENCE = 0.8
"""The share of the caller's time that a shard may take for its answer."""


@dataclass(frozen=True, slots=True)
class CardsGivers:
    """All shards of the card game, as `Givers`."""

    router: ShardRouter
    channels: ChannelFactory
    deadline_s: float
    clock: Clock

    async def open_ask(self, shard: int, campaign_id: CampaignId, wish: Wish) -> Exchange:
        """See `Givers.open_ask`."""
        request = exchanges_pb2.OpenAskRequest(
            campaign_id=campaign_id,
            request_id=request_text(wish.request_id),
            asking_person_id=wish.receiver_id,
            asked_person_id=wish.giver_id,
            card=card_value(wish.card),
        )

        async def attempt(address: str, timeout_s: float) -> Exchange:
            response = await self._stub(address).OpenAsk(request, timeout=timeout_s)
            return exchange_from_contract(response.exchange)

        return await self.router.call(shard, attempt, self.deadline_s)

    async def end(
        self,
        campaign_id: CampaignId,
        action: ExchangeAction,
        batches: Mapping[int, Sequence[Named]],
        *,
        is_shown: bool,
    ) -> Mapping[int, Sequence[Exchange | ServiceError | None]]:
        """See `Givers.end`."""
        request = exchanges_pb2.EndExchangesRequest(
            campaign_id=campaign_id,
            action=cast("exchanges_pb2.ExchangeAction.ValueType", action.value),
            is_shown=is_shown,
        )
        answers = await asyncio.gather(
            *(self._end(request, shard, items) for shard, items in batches.items())
        )
        return dict(zip(batches, answers, strict=True))

    async def _end(
        self, of_all: exchanges_pb2.EndExchangesRequest, shard: int, items: Sequence[Named]
    ) -> Sequence[Exchange | ServiceError | None]:
        request = exchanges_pb2.EndExchangesRequest(
            shard=shard,
            person_ids=[person_id for person_id, _ in items],
            exchange_ids=[exchange_text(key) for _, key in items],
        )
        request.MergeFrom(of_all)

        async def attempt(address: str, timeout_s: float) -> exchanges_pb2.EndExchangesResponse:
            return await self._stub(address).EndExchanges(request, timeout=timeout_s)

        try:
            response = await self.router.call(shard, attempt, self._patience_s())
        except ServiceError as error:
            # Every item has its own answer: that one shard is silent says nothing about the others.
            return [error] * len(items)
        campaign_id, shown = CampaignId(request.campaign_id), iter(response.exchanges)
        return [
            error_of(outcome, campaign_id, item, state)
            if outcome != exchanges_pb2.EXCHANGE_OUTCOME_DONE
            else exchange_from_contract(next(shown))
            if request.is_shown
            else None
            for outcome, item, state in zip(response.outcomes, items, response.states, strict=True)
        ]

    def _patience_s(self) -> float:
        """How long a silent shard is waited for: the caller must still hear of it, and of the others."""
        left_s = remaining_s(self.clock)
        return self.deadline_s if left_s is None else min(self.deadline_s, left_s * _PATIENCE)

    def _stub(self, address: str) -> exchanges_pb2_grpc.ExchangeShardServiceAsyncStub:
        return exchanges_pb2_grpc.ExchangeShardServiceStub(self.channels.channel(address))
