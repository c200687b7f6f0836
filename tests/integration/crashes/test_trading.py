"""The owner of a giver's shard dies between recording that a gift is accepted and answering."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc, events_pb2, exchanges_pb2, exchanges_pb2_grpc
from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from hongbao.social.v1 import social_pb2, social_pb2_grpc
from services.mesh.channel import ChannelFactory
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.settings import MeshSettings
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.watched_map import EtcdShardMap
from tests.integration.crashes.crash_mesh import PATIENCE_S, CrashMesh, Nursery
from tests.integration.mesh.etcd_fixtures import EtcdServer
from tests.simulation.cards import CardRules
from tests.simulation.disk import Written
from tests.simulation.processes import SHARDS as SIMULATED

T = TypeVar("T")

CAMPAIGN, SPONSOR = "spring-2016", 7
SHARDS = SIMULATED["cards"]
"""As many as the rules count on that are told from the journals."""
LIMIT, DEADLINE_S = 20, 3_600
GIFTS = 3
TRADING = ["exchange.durable@2"]
"""Where the giver's owner dies: the second of three gifts is accepted."""
POLL_S = 0.05


@pytest.mark.parametrize("point", TRADING)
async def test_the_receiver_of_a_gift_has_the_card_once_when_the_givers_owner_dies(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.tune({"HONGBAO_CARDS_SHARDS": str(SHARDS)})
        for service in ("settlement", "social"):
            mesh.start(service, service)
        mesh.start("cards", "giver", point)
        mesh.start("cards", "receiver")
        shard_map = EtcdShardMap(mesh.etcd, "cards", SHARDS)
        await shard_map.start()
        try:
            play = TradingPlay(mesh, ShardRouter(shard_map, backoff_ms_max=100))
            await until_shared(shard_map)
            giver_id, receiver_id = people_of(shard_map, "giver"), people_of(shard_map, "receiver")
            await play.open_game()
            await play.befriend(giver_id, receiver_id)
            held = await play.deal(giver_id)
            gifts = [await play.offer(giver_id, receiver_id, card) for card in held]
            for gift in gifts:
                assert await play.accept(receiver_id, gift) == events_pb2.EXCHANGE_STATE_ACCEPTED
            await mesh.victim_died()
            assert mesh.victims[0].died_at("exchange.durable")
            await play.until_held(receiver_id, sorted(held))
            assert await play.hand(giver_id) == []
        finally:
            await shard_map.close()
    rules = await read_journals(tmp_path)
    assert rules.issued.total() == GIFTS
    assert {person_id for (person_id, _), count in rules.hands.items() if count} == {receiver_id}
    assert not rules.on_the_way


async def until_shared(shard_map: EtcdShardMap) -> None:
    """Waits until both own half of the shards."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            version = shard_map.version
            owners = [owner.instance for owner in shard_map.owners().values()]
            if len(owners) == SHARDS and owners.count("giver") == owners.count("receiver"):
                return
            await shard_map.changed(version)


def people_of(shard_map: EtcdShardMap, instance: str) -> int:
    """Somebody on a shard that an instance owns."""
    owners = shard_map.owners()
    return next(p for p in range(1, 1_000) if owners[shard_of(p, SHARDS)].instance == instance)


async def read_journals(folder: Path) -> CardRules:
    """Goes through all journals of cards, and adds up what is in them. Raises AssertionError."""
    store, rules = SqliteStore(folder, MeshSettings()), CardRules()
    for shard in range(SHARDS):
        journal = await store.open("cards", shard)
        for record in await journal.read(0, 10_000):
            event = events_pb2.CardsEvent.FromString(record.payload)
            rules.follow(Written("cards", shard, record, event))
    await store.close()
    rules.check()
    return rules


class TradingPlay:
    """A small game of two friends."""

    def __init__(self, mesh: CrashMesh, router: ShardRouter) -> None:
        self._mesh = mesh
        self._router = router

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
        home = shard_of_text(CAMPAIGN, SHARDS)
        await self._cards(
            home,
            lambda stub, timeout_s: stub.CreateGame(request, timeout=timeout_s),
            self._mesh.operator,
        )

    async def befriend(self, asking_id: int, asked_id: int) -> None:
        ask = social_pb2.RequestFriendRequest(asking_person_id=asking_id, other_person_id=asked_id)
        accept = social_pb2.AcceptFriendRequest(person_id=asked_id, asking_person_id=asking_id)

        async def attempt(address: str, timeout_s: float) -> None:
            stub = social_pb2_grpc.SocialServiceStub(self._mesh.gateway.channel(address))
            await stub.RequestFriend(ask, timeout=timeout_s)
            await stub.AcceptFriend(accept, timeout=timeout_s)

        async with self._mesh.directory() as directory:
            await directory.call("social", attempt, PATIENCE_S)

    async def deal(self, person_id: int) -> list[events_pb2.Card.ValueType]:
        """Three cards, once the supply has come through."""
        shard = shard_of(person_id, SHARDS)
        request = cards_pb2.DealBatchRequest(
            campaign_id=CAMPAIGN,
            shard=shard,
            source=events_pb2.CARD_SOURCE_TAP,
            person_ids=[person_id] * GIFTS,
            source_keys=[f"round-{number}" for number in range(GIFTS)],
        )
        async with asyncio.timeout(PATIENCE_S):
            while True:
                dealt = await self._cards(
                    shard,
                    lambda stub, timeout_s: stub.DealBatch(request, timeout=timeout_s),
                    self._mesh.operator,
                )
                if cards_pb2.DEAL_OUTCOME_NOT_RELEASED not in dealt.outcomes:
                    return list(dealt.cards)

    async def offer(self, giver_id: int, receiver_id: int, card: events_pb2.Card.ValueType) -> str:
        request = cards_pb2.GiftCardRequest(
            campaign_id=CAMPAIGN,
            request_id=str(uuid.uuid4()),
            from_person_id=giver_id,
            to_person_id=receiver_id,
            card=card,
        )
        answer = await self._cards(
            shard_of(giver_id, SHARDS), lambda stub, timeout_s: stub.GiftCard(request, timeout=timeout_s)
        )
        return str(answer.exchange.exchange_id)

    async def accept(self, receiver_id: int, gift_id: str) -> int:
        """Asks until there is an answer, as an app does; how the gift stands then."""
        request = exchanges_pb2.AcceptGiftRequest(
            campaign_id=CAMPAIGN, person_id=receiver_id, exchange_id=gift_id
        )

        async def attempt(address: str, timeout_s: float) -> int:
            stub = exchanges_pb2_grpc.ExchangeServiceStub(self._mesh.gateway.channel(address))
            return (await stub.AcceptGift(request, timeout=timeout_s)).exchange.state

        return await self._router.call(shard_of(receiver_id, SHARDS), attempt, PATIENCE_S)

    async def hand(self, person_id: int) -> list[int]:
        request = cards_pb2.ListHandRequest(campaign_id=CAMPAIGN, person_id=person_id)
        found = await self._cards(
            shard_of(person_id, SHARDS), lambda stub, timeout_s: stub.ListHand(request, timeout=timeout_s)
        )
        return sorted(held.card for held in found.cards for _ in range(held.held_count))

    async def until_held(self, person_id: int, cards: list[events_pb2.Card.ValueType]) -> None:
        """Waits until all that was on the way is there."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                held = await self.hand(person_id)
                if len(held) >= len(cards):
                    break
                await asyncio.sleep(POLL_S)
        assert held == cards

    async def _cards(
        self,
        shard: int,
        call: Callable[[Any, float], Awaitable[T]],
        channels: ChannelFactory | None = None,
    ) -> T:
        async def attempt(address: str, timeout_s: float) -> T:
            channel = (channels or self._mesh.gateway).channel(address)
            return await call(cards_pb2_grpc.CardsServiceStub(channel), timeout_s)

        return await self._router.call(shard, attempt, PATIENCE_S)
