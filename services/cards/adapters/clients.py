"""Other services, and the other shards of this one, behind the ports of the rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc, supply_pb2_grpc
from hongbao.settlement.v1 import events_pb2 as settlement_events_pb2
from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from hongbao.social.v1 import social_pb2, social_pb2_grpc
from services.cards.contract import (
    decision_to_contract,
    seal_from_contract,
    shard_figures,
    share_mode_value,
    supply_to_contract,
)
from services.cards.domain.events import GameOrder, GamePrepared, PoolDecided, ShardSealed
from services.cards.domain.placement import home_of
from services.cards.domain.sets.figures import ShardFigures
from services.cards.domain.supply.leasing import LeaseAnswer, LeaseRequest
from services.cards.domain.vocabulary import CampaignId, PersonId
from services.cards.limits_contract import limits_to_contract
from services.cards.supply_contract import lease_answer_from_contract, lease_request_to_contract
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.feed.until import until
from services.mesh.shards.directory import Directory
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.router import ShardRouter
from services.mesh.timestamps import timestamp, timestamp_or_none

_HOLD_MS = 60_000
"""How long a request may take money, milliseconds: longer than any attempt is under way."""


@dataclass(frozen=True, slots=True)
class SettlementFunds:
    """Settlement, as `Funds`."""

    router: ShardRouter
    channels: ChannelFactory
    deadline_s: float
    clock: Clock

    async def hold_pool(self, order: GameOrder) -> None:
        """See `Funds.hold_pool`."""
        request = settlement_pb2.CreateHoldRequest(
            hold_id=order.pool_hold_id,
            campaign_id=order.campaign_id,
            sponsor_id=order.sponsor_id,
            purpose=settlement_events_pb2.HOLD_PURPOSE_POOL,
            parts=[settlement_events_pb2.HoldPart(part=0, amount_fen=order.pool_fen)],
            # One moment for all attempts: when one of them is refused, none that is under way succeeds later.
            hold_ends_at=timestamp(self.clock.now_ms() + _HOLD_MS),
            winnings_wait_until_at=timestamp_or_none(order.winnings_wait_until_at_ms),
        )

        async def attempt(address: str, timeout_s: float) -> None:
            stub = settlement_pb2_grpc.SettlementServiceStub(self.channels.channel(address))
            await stub.CreateHold(request, timeout=timeout_s)

        shard = shard_of(order.sponsor_id, self.router.map.shard_count)
        await self.router.call(shard, attempt, self.deadline_s)


@dataclass(frozen=True, slots=True)
class SocialFriendships:
    """Social, as `Friendships`, and its feed."""

    directory: Directory
    channels: ChannelFactory
    deadline_s: float

    async def are_friends(self, pairs: Sequence[tuple[PersonId, PersonId]]) -> Sequence[bool]:
        """See `Friendships.are_friends`."""
        request = social_pb2.CheckRelationsRequest(
            person_ids=[one for one, _ in pairs], other_person_ids=[other for _, other in pairs]
        )

        async def attempt(address: str, timeout_s: float) -> Sequence[bool]:
            stub = social_pb2_grpc.SocialServiceStub(self.channels.channel(address))
            response = await stub.CheckRelations(request, timeout=timeout_s)
            return response.are_friends

        return await self.directory.call("social", attempt, self.deadline_s)

    async def read_events(self, after_seq: int) -> AsyncIterator[social_pb2.ReadEventsResponse]:
        """New relations after a record, without end."""
        address = await self.directory.address("social", self.deadline_s)
        stub = social_pb2_grpc.SocialServiceStub(self.channels.channel(address))
        async for response in stub.ReadEvents(social_pb2.ReadEventsRequest(after_seq=after_seq)):
            yield response


@dataclass(frozen=True, slots=True)
class CardsPeers:
    """All shards of the card game, as `Peers`, and their feeds."""

    router: ShardRouter
    channels: ChannelFactory
    deadline_s: float

    async def prepare(self, parts: Sequence[GamePrepared]) -> None:
        """See `Peers.prepare`."""
        await asyncio.gather(*map(self._prepare, parts))

    async def seal(self, campaign_id: CampaignId, shards: Sequence[int]) -> Sequence[ShardSealed]:
        """See `Peers.seal`."""
        return await asyncio.gather(*(self._seal(campaign_id, shard) for shard in shards))

    async def finish(self, shards: Sequence[int], decision: PoolDecided) -> None:
        """See `Peers.finish`."""
        await asyncio.gather(*(self._finish(shard, decision) for shard in shards))

    async def figures(self, campaign_id: CampaignId, shards: Sequence[int]) -> Sequence[ShardFigures]:
        """See `Peers.figures`."""
        return await asyncio.gather(*(self._figures(campaign_id, shard) for shard in shards))

    async def lease(self, asked: LeaseRequest) -> LeaseAnswer:
        """Asks a game's home shard for a lease. May be repeated."""
        request = lease_request_to_contract(asked)

        async def attempt(address: str, timeout_s: float) -> LeaseAnswer:
            stub = supply_pb2_grpc.SupplyServiceStub(self.channels.channel(address))
            return lease_answer_from_contract(await stub.LeaseSupply(request, timeout=timeout_s))

        home = home_of(asked.campaign_id, self.router.map.shard_count)
        return await self.router.call(home, attempt, self.deadline_s)

    def feed_of(self, shard: int) -> Callable[[int], AsyncIterator[cards_pb2.ReadEventsResponse]]:
        """Opens a shard's feed after a record, at its owner."""

        async def read_events(after_seq: int) -> AsyncIterator[cards_pb2.ReadEventsResponse]:
            owner = await self.router.owner(shard, self.deadline_s)
            request = cards_pb2.ReadEventsRequest(shard=shard, after_seq=after_seq)
            stream = aiter(self._stub(owner.address).ReadEvents(request))
            async for response in until(self.router.moved(shard, owner), stream):
                yield response

        return read_events

    async def _prepare(self, part: GamePrepared) -> None:
        request = cards_pb2.PrepareGameRequest(
            campaign_id=part.campaign_id,
            shard=part.shard,
            supply=supply_to_contract(part.supply),
            opens_at=timestamp(part.opens_at_ms),
            deadline=timestamp(part.deadline_ms),
            draw_key=part.draw_key,
            share_mode=share_mode_value(part.share_mode),
            luck_key=part.luck_key,
            deals_per_day_max=part.deals_per_day_max,
            exchange_limits=limits_to_contract(part.exchange_limits),
        )

        async def attempt(address: str, timeout_s: float) -> None:
            await self._stub(address).PrepareGame(request, timeout=timeout_s)

        await self.router.call(part.shard, attempt, self.deadline_s)

    async def _seal(self, campaign_id: CampaignId, shard: int) -> ShardSealed:
        request = cards_pb2.SealGameRequest(campaign_id=campaign_id, shard=shard)

        async def attempt(address: str, timeout_s: float) -> ShardSealed:
            response = await self._stub(address).SealGame(request, timeout=timeout_s)
            return seal_from_contract(response.seal)

        return await self.router.call(shard, attempt, self.deadline_s)

    async def _finish(self, shard: int, decision: PoolDecided) -> None:
        request = cards_pb2.FinishGameRequest(shard=shard, decision=decision_to_contract(decision))

        async def attempt(address: str, timeout_s: float) -> None:
            await self._stub(address).FinishGame(request, timeout=timeout_s)

        await self.router.call(shard, attempt, self.deadline_s)

    async def _figures(self, campaign_id: CampaignId, shard: int) -> ShardFigures:
        request = cards_pb2.GetShardGameRequest(campaign_id=campaign_id, shard=shard)

        async def attempt(address: str, timeout_s: float) -> ShardFigures:
            response = await self._stub(address).GetShardGame(request, timeout=timeout_s)
            return shard_figures(response)

        return await self.router.call(shard, attempt, self.deadline_s)

    def _stub(self, address: str) -> cards_pb2_grpc.CardsShardServiceAsyncStub:
        return cards_pb2_grpc.CardsShardServiceStub(self.channels.channel(address))
