"""The keeper of a shard's supply, whatever the wall clock does."""

from __future__ import annotations

from services.cards.adapters.supply import SupplyKeeper
from services.cards.domain.supply.leasing import LeaseAnswer, LeaseRequest
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.settings import CardsSettings
from services.mesh.clock import ManualClock
from tests.unit.cards.games import OPENS_MS
from tests.unit.cards.test_friend_sink import ListedShard

RETRY_MS = 100


class AdjustedClock(ManualClock):
    """Its wall clock can be set back, as by a time server."""

    behind_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() - self.behind_ms


async def test_a_wall_clock_that_is_set_back_keeps_nobody_from_asking_home() -> None:
    asked: list[LeaseRequest] = []

    async def nothing_at_home(request: LeaseRequest) -> LeaseAnswer:
        asked.append(request)
        return LeaseAnswer(
            None, is_supply_ended=False, ended_sources=(), retry_after_ms=RETRY_MS, is_scarce=False
        )

    clock = AdjustedClock(OPENS_MS + 50_000)
    without_cards = ListedShard(SupplyPlan((0,) * 5, (0,) * 4))
    keeper = SupplyKeeper(without_cards, nothing_at_home, clock, CardsSettings())
    await keeper.look()
    await keeper.look()
    assert len(asked) == 1
    clock.behind_ms = 40_000
    await clock.advance(RETRY_MS / 1000)
    await keeper.look()
    assert len(asked) == 2
