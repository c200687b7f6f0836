"""SupplyService: a game's home shard grants leases to the game's shards."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.cards.v1 import supply_pb2, supply_pb2_grpc
from services.cards.api.numbered import check_shard
from services.cards.domain.errors import GameUnknown
from services.cards.domain.events import Change
from services.cards.domain.placement import home_of
from services.cards.domain.ports import OwnedShards
from services.cards.domain.supply.leasing import answer, decide_lease
from services.cards.domain.vocabulary import CampaignId
from services.cards.supply_contract import (
    grant_to_contract,
    lease_request_from_contract,
    sources_to_contract,
)
from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint


class SupplyApi(supply_pb2_grpc.SupplyServiceServicer):
    """What a game's home shard offers to the game's shards."""

    def __init__(self, shards: OwnedShards, clock: Clock, retry_ms: int) -> None:
        """Answers for `shards`; who finds nothing comes again after `retry_ms` at the earliest."""
        self._shards = shards
        self._clock = clock
        self._retry_ms = retry_ms

    async def LeaseSupply(
        self, request: supply_pb2.LeaseSupplyRequest, _context: Any
    ) -> supply_pb2.LeaseSupplyResponse:
        """See the contract."""
        check_shard(self._shards, request.shard)
        asked, campaign_id = lease_request_from_contract(request), CampaignId(request.campaign_id)
        home = self._shards.owned(home_of(campaign_id, self._shards.shard_count))
        game = home.state.created.get(campaign_id)
        if game is None:
            raise GameUnknown(campaign_id)
        supply, now_ms = home.state.supplies[campaign_id], self._clock.now_ms()
        event = decide_lease(supply, game.order, asked, now_ms)
        if event is not None:
            home.commit(Change(event))
            failpoint("lease.granted")
        told = answer(supply, game.order, asked, now_ms, self._retry_ms)
        # Also what was granted before may still be on its way to the disk.
        await home.settled()
        failpoint("lease.durable")
        return supply_pb2.LeaseSupplyResponse(
            grant=None if told.grant is None else grant_to_contract(told.grant),
            is_supply_ended=told.is_supply_ended,
            ended_sources=sources_to_contract(told.ended_sources),
            retry_after_ms=told.retry_after_ms,
            is_scarce=told.is_scarce,
        )
