"""CardsShardService: how shards work together, and the feed that others read."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc
from services.cards.api.numbered import check_shard, numbered_shard
from services.cards.contract import (
    card_value,
    decision_from_contract,
    prepared_from_contract,
    seal_to_contract,
    source_value,
    without_secrets,
)
from services.cards.domain.lifecycle import finish_here, prepare_here, seal_here
from services.cards.domain.ports import OwnedShards
from services.cards.domain.vocabulary import CARDS, SOURCES, CampaignId
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock
from services.mesh.feed.producer import stream_events
from services.mesh.shards.host import ShardHost

_PAGE_SIZE_DEFAULT = 100


class CardsShardApi(cards_pb2_grpc.CardsShardServiceServicer):
    """How shards work together and how others read what happened."""

    def __init__(
        self, shards: OwnedShards, host: ShardHost[Any], clock: Clock, settings: CardsSettings
    ) -> None:
        """Answers for `shards`, which are those of `host` as the rules see them."""
        self._shards = shards
        self._host = host
        self._clock = clock
        self._settings = settings

    async def PrepareGame(
        self, request: cards_pb2.PrepareGameRequest, _context: Any
    ) -> cards_pb2.PrepareGameResponse:
        """See the contract."""
        part = prepared_from_contract(request)
        await prepare_here(numbered_shard(self._shards, request.shard), part)
        return cards_pb2.PrepareGameResponse()

    async def SealGame(self, request: cards_pb2.SealGameRequest, _context: Any) -> cards_pb2.SealGameResponse:
        """See the contract."""
        shard = numbered_shard(self._shards, request.shard)
        seal = await seal_here(shard, CampaignId(request.campaign_id), self._clock.now_ms())
        return cards_pb2.SealGameResponse(seal=seal_to_contract(seal))

    async def FinishGame(
        self, request: cards_pb2.FinishGameRequest, _context: Any
    ) -> cards_pb2.FinishGameResponse:
        """See the contract."""
        await finish_here(
            numbered_shard(self._shards, request.shard), decision_from_contract(request.decision)
        )
        return cards_pb2.FinishGameResponse()

    async def GetShardGame(
        self, request: cards_pb2.GetShardGameRequest, _context: Any
    ) -> cards_pb2.GetShardGameResponse:
        """See the contract."""
        shard = numbered_shard(self._shards, request.shard)
        game = shard.state.game(CampaignId(request.campaign_id))
        recent_ms = self._settings.figures_recent_ms
        response = cards_pb2.GetShardGameResponse(
            cards=[
                cards_pb2.ShardCardFigures(
                    card=card_value(card),
                    issue_limit=game.issued.leased[index] - game.issued.returned[index],
                    issued=game.issued.cards[index],
                    held=game.holdings.held[index],
                    spent=game.sets.count,
                    sent=game.transit.sent[index],
                    received=game.transit.received[index],
                    offered=game.exchanges.offered[index],
                    leased=game.issued.leased[index],
                    returned=game.issued.returned[index],
                    left=game.issued.decks.left[index],
                )
                for index, card in enumerate(CARDS)
            ],
            sets_completed=game.sets.count,
            holder_count=game.holdings.holder_count,
            sealed=game.sets.sealed is not None,
            sources=[
                cards_pb2.SourceDeals(
                    source=source_value(source),
                    dealt=game.issued.from_sources[source - 1],
                    leased=game.issued.leased_deals[source - 1],
                    returned=game.issued.returned_deals[source - 1],
                    left=game.issued.deals_left(source),
                )
                for source in SOURCES
            ],
            sets_recent=game.sets.completed_since(self._clock.now_ms() - recent_ms),
            recent_ms=recent_ms,
            lease_no=game.issued.lease_no,
        )
        await shard.settled()
        return response

    async def ReadEvents(
        self, request: cards_pb2.ReadEventsRequest, _context: Any
    ) -> AsyncIterator[cards_pb2.ReadEventsResponse]:
        """See the contract."""
        check_shard(self._shards, request.shard)
        responses = stream_events(
            self._host, request, cards_pb2.ReadEventsResponse, self._settings, conceal=without_secrets
        )
        async for response in responses:
            yield response
