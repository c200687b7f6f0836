"""The real allocation and the real settlement: what one gives away, the other books."""

from __future__ import annotations

from services.mesh.channel import ChannelFactory
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.settlement.__main__ import wire
from services.settlement.domain.books import prove
from services.settlement.domain.campaign_books import CampaignBooks
from services.settlement.domain.commands import deposit
from services.settlement.domain.shard_books import shard_books
from services.settlement.settings import SettlementSettings
from tests.integration.allocation_mesh import SHARDS, SPONSOR, AllocationMesh, people_of
from tests.integration.settlement_mesh import REQUEST, ToyFeeds, toy_services

SETTLEMENT_SHARDS = 2


class WholeMesh(AllocationMesh):
    """Allocation's mesh, with settlement itself where its tests have a toy."""

    async def start_settlement(self) -> None:
        settings = SettlementSettings(
            instance="settlement-0",
            **{**self._values, "settlement_shards": SETTLEMENT_SHARDS, "cards_shards": 2},
            people_known="everybody",
        )
        _, cards = toy_services(ToyFeeds(self.clock), ToyFeeds(self.clock))
        await self._serve("cards", (cards,), "cards-0")
        owners = StaticShardMap("settlement", SETTLEMENT_SHARDS)
        routers = {
            "allocation": ShardRouter(self.map, clock=self.clock),
            "cards": ShardRouter(
                StaticShardMap.with_one_owner("cards", 2, "local/cards-0"), clock=self.clock
            ),
            "settlement": ShardRouter(owners, clock=self.clock),
        }
        channels = ChannelFactory(settings, "settlement", network=self.network)
        self._stack.push_async_callback(channels.close)
        self.books = wire(settings, MemoryStore(settings, self.clock), channels, routers, self.clock)
        self._stack.push_async_callback(self.books.host.close)
        await self._serve("settlement", self.books.services, "settlement-0")
        for shard in range(SETTLEMENT_SHARDS):
            await self.books.host.take(shard, epoch=1)
            owners.assign(shard, ShardOwner("settlement-0", "local/settlement-0", epoch=1))

    async def pay_in(self, amount_fen: int) -> None:
        for shard in self.books.host.shards():
            if shard.state.keeps(f"sponsor:{SPONSOR}"):
                event = deposit(shard.state, REQUEST, SPONSOR, amount_fen)
                assert event is not None
                await shard.commit(event)

    def campaign(self) -> CampaignBooks | None:
        """The campaign's books, once all of its money has arrived; they must be sound at any time."""
        shards = [
            shard_books(shard.number, shard.seq, shard.state.ledger, (), {})
            for shard in self.books.host.shards()
        ]
        books = prove(shards, SETTLEMENT_SHARDS)
        assert books.sound
        return next((campaign for campaign in books.campaigns if campaign.settled), None)


async def test_a_round_is_booked_to_the_fen() -> None:
    async with WholeMesh(MemoryStore, settlement_shards=SETTLEMENT_SHARDS) as mesh:
        await mesh.start("a")
        await mesh.pay_in(100_000)
        await mesh.open_round()
        for shard in range(SHARDS):
            await mesh.claim(shard, people_of(shard, 7))
        await mesh.clock.advance(70)
        closed = await mesh.closed_round()
        for _ in range(100):
            if (campaign := mesh.campaign()) is not None:
                break
            await mesh.pass_time(0.1)
        assert campaign is not None
        assert campaign.packets == closed.totals.packets_won == 7 * SHARDS
        assert campaign.packets_fen == campaign.wallets_fen == closed.totals.won_fen
        assert campaign.returned_fen == closed.budget_fen - closed.totals.won_fen
