"""The operator of a simulated mesh: the command's own, on the mesh's time, and as patient as the guests."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import cards_pb2_grpc as cards_grpc
from hongbao.cards.v1 import events_pb2 as card_events
from hongbao.settlement.v1 import settlement_pb2 as settlement
from services.cli.operator import Operator
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.router import ShardRouter
from tests.simulation.guests import World
from tests.simulation.mesh import SimulatedMesh
from tests.simulation.processes import SHARDS

T = TypeVar("T")


class SimulatedOperator(Operator):
    """See `Operator`."""

    def __init__(self, mesh: SimulatedMesh, world: World) -> None:
        super().__init__(mesh.settings, mesh.operators, {})
        copy = mesh.gazette.subscribe()
        self._routers = {
            service: ShardRouter(shard_map, clock=mesh.clock) for service, shard_map in copy.maps.items()
        }
        self._world = world

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """See `World.patiently`."""
        return await self._world.patiently(call)

    async def fund(self, campaign_id: str, sponsor_id: int, deposit_fen: int, budget_fen: int) -> None:
        """Pays in, twice with the same request, as after a lost answer, and registers the campaign."""
        request = settlement.DepositRequest(
            request_id=str(uuid.UUID(int=sponsor_id, version=4)),
            sponsor_id=sponsor_id,
            amount_fen=deposit_fen,
        )
        shard = shard_of(sponsor_id, SHARDS["settlement"])
        for _ in range(2):
            await self.patiently(
                lambda: self._settlement(
                    shard, lambda stub, timeout_s: stub.Deposit(request, timeout=timeout_s)
                )
            )
        await self.patiently(
            lambda: self.create_campaign(campaign_id, sponsor_id, "Spring Festival", budget_fen)
        )

    def deal(
        self, campaign_id: str, person_id: int, key: str
    ) -> Callable[[], Awaitable[cards.DealBatchResponse]]:
        """Deals a card for taps; to be called until there is an answer."""
        shard = shard_of(person_id, SHARDS["cards"])
        request = cards.DealBatchRequest(
            campaign_id=campaign_id,
            shard=shard,
            source=card_events.CARD_SOURCE_TAP,
            source_keys=[key],
            person_ids=[person_id],
        )
        return lambda: self._route(
            "cards",
            shard,
            lambda address, timeout_s: cards_grpc.CardsServiceStub(self._channels.channel(address)).DealBatch(
                request, timeout=timeout_s
            ),
        )

    async def close_round(self, campaign_id: str, round_id: str) -> None:
        """Ends a round before its time."""
        request = allocation.CloseRoundRequest(campaign_id=campaign_id, round_id=round_id)
        await self._allocation(
            self._home(campaign_id), lambda stub, timeout_s: stub.CloseRound(request, timeout=timeout_s)
        )

    async def balance_fen(self, account_id: str, owner_id: int) -> int:
        """What is in an account of a sponsor or a person, fen."""
        request = settlement.GetAccountRequest(account_id=account_id)
        answer = await self._settlement(
            shard_of(owner_id, SHARDS["settlement"]),
            lambda stub, timeout_s: stub.GetAccount(request, timeout=timeout_s),
        )
        return answer.account.balance_fen
