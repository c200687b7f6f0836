"""Games for tests: small, with times that are easy to name."""

from __future__ import annotations

from services.cards.domain.events import GameOrder, GamePrepared
from services.cards.domain.game import ShardGame
from services.cards.domain.supply.draw import draw_key
from services.cards.domain.supply.plan import SupplyPlan, split_supply
from services.cards.domain.vocabulary import CampaignId, PersonId, SponsorId

OPENS_MS = 1_454_846_400_000
DEADLINE_MS = OPENS_MS + 60_000
SEED = bytes(range(32))
SPRING = CampaignId("spring-2016")
PLENTY = SupplyPlan(limits=(1_000,) * 5, quotas=(1_000,) * 4)


def an_order(supply: SupplyPlan = PLENTY, pool_fen: int = 21_500_000_000) -> GameOrder:
    return GameOrder(
        campaign_id=SPRING,
        sponsor_id=SponsorId(7),
        pool_fen=pool_fen,
        supply=supply,
        opens_at_ms=OPENS_MS,
        deadline_ms=DEADLINE_MS,
    )


def a_part(supply: SupplyPlan = PLENTY, shard: int = 0, shard_count: int = 1) -> GamePrepared:
    return GamePrepared(
        campaign_id=SPRING,
        shard=shard,
        supply=split_supply(supply, shard_count)[shard],
        opens_at_ms=OPENS_MS,
        deadline_ms=DEADLINE_MS,
        draw_key=draw_key(SEED, SPRING, shard),
    )


def a_game(supply: SupplyPlan = PLENTY) -> ShardGame:
    return ShardGame(a_part(supply))


def everyone(_: int) -> bool:
    return True


ANNA = PersonId(1)
BAO = PersonId(2)
