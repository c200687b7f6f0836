"""A home of cards dies between granting and answering: each card is dealt once, none more than planned."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc, events_pb2
from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.watched_map import EtcdShardMap
from tests.integration.crashes.crash_mesh import PATIENCE_S, CrashMesh, Nursery
from tests.integration.mesh.etcd_fixtures import EtcdServer

T = TypeVar("T")

CAMPAIGN, SPONSOR = "spring-2016", 7
SHARDS = 2
LIMIT = 6
"""Of each card: thirty in all, in decks of at most seven."""
DEADLINE_S = 3_600
LEASING = ["lease.granted@2", "lease.durable@2", "lease.answered@2", "lease.received@2"]
"""Where the owner of both shards dies: the second lease is that of the other shard, or the next one."""


@pytest.mark.parametrize("point", LEASING)
async def test_an_owner_dies_in_the_middle_of_a_lease(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.tune({"HONGBAO_CARDS_SHARDS": str(SHARDS), "HONGBAO_SUPPLY_REPORT_MS": "50"})
        mesh.start("settlement", "settlement")
        mesh.start("cards", "owner", point)
        shard_map = EtcdShardMap(mesh.etcd, "cards", SHARDS)
        await shard_map.start()
        try:
            play = LeasingPlay(mesh, ShardRouter(shard_map, backoff_ms_max=100))
            await play.open_game()
            await play.deal_everything()
            await mesh.victim_died()
            await play.expect_all_issued()
        finally:
            await shard_map.close()
        assert mesh.victims[0].died_at(point.partition("@")[0])


class LeasingPlay:
    """A small game, of which everything is dealt."""

    def __init__(self, mesh: CrashMesh, router: ShardRouter) -> None:
        self._mesh = mesh
        self._router = router
        self._told: dict[int, int] = {}
        """The card that each person was told."""

    async def open_game(self) -> None:
        deposit = settlement_pb2.DepositRequest(
            request_id=str(uuid.uuid4()), sponsor_id=SPONSOR, amount_fen=1_000
        )

        async def fund(address: str, timeout_s: float) -> None:
            stub = settlement_pb2_grpc.SettlementServiceStub(self._mesh.operator.channel(address))
            await stub.Deposit(deposit, timeout=timeout_s)

        await self._mesh.routers["settlement"].call(0, fund, PATIENCE_S)
        request = cards_pb2.CreateGameRequest(campaign_id=CAMPAIGN, sponsor_id=SPONSOR, pool_fen=1_000)
        for card in range(1, 6):
            request.supply.card_limits.add(card=events_pb2.Card.ValueType(card), issue_limit=LIMIT)
        request.supply.source_quotas.add(source=events_pb2.CARD_SOURCE_TAP, card_quota=100)
        request.opens_at.FromMilliseconds(time.time_ns() // 1_000_000)
        request.deadline.FromMilliseconds(time.time_ns() // 1_000_000 + DEADLINE_S * 1_000)
        await self._ask(self._home(), lambda stub, timeout_s: stub.CreateGame(request, timeout=timeout_s))

    async def deal_everything(self) -> None:
        """Everybody asks until home has the last word; who was told a card once is told it again."""
        people = {
            shard: [p for p in range(1, 60) if shard_of(p, SHARDS) == shard][:20] for shard in range(SHARDS)
        }
        async with asyncio.timeout(PATIENCE_S):
            open_shards = set(range(SHARDS))
            while open_shards:
                for shard in sorted(open_shards):
                    outcomes = await self._deal(shard, people[shard])
                    waiting = cards_pb2.DEAL_OUTCOME_NOT_RELEASED
                    if waiting not in outcomes:
                        open_shards.discard(shard)

    async def expect_all_issued(self) -> None:
        assert Counter(self._told.values()) == dict.fromkeys(range(1, 6), LIMIT)
        request = cards_pb2.GetGameRequest(campaign_id=CAMPAIGN)
        shown = await self._ask(
            self._home(), lambda stub, timeout_s: stub.GetGame(request, timeout=timeout_s)
        )
        assert [card.issued for card in shown.game.cards] == [LIMIT] * 5

    async def _deal(self, shard: int, people: list[int]) -> list[int]:
        request = cards_pb2.DealBatchRequest(
            campaign_id=CAMPAIGN,
            shard=shard,
            source=events_pb2.CARD_SOURCE_TAP,
            person_ids=people,
            source_keys=["round-1"],
        )
        told = await self._ask(shard, lambda stub, timeout_s: stub.DealBatch(request, timeout=timeout_s))
        for person_id, card in zip(people, told.cards, strict=True):
            if card:
                assert self._told.setdefault(person_id, card) == card, "what was told stays"
        return list(told.outcomes)

    async def _ask(
        self, shard: int, call: Callable[[cards_pb2_grpc.CardsServiceAsyncStub, float], Awaitable[T]]
    ) -> T:
        async def attempt(address: str, timeout_s: float) -> T:
            stub = cards_pb2_grpc.CardsServiceStub(self._mesh.operator.channel(address))
            return await call(stub, timeout_s)

        return await self._router.call(shard, attempt, PATIENCE_S)

    def _home(self) -> int:
        return shard_of_text(CAMPAIGN, SHARDS)
