"""The last cards and the last rights to deal find each other, however many wait for either."""

from __future__ import annotations

import pytest

from services.cards.domain.game import ShardGame
from services.cards.domain.supply.grants import NO_DEALS, DeckReceived, Grant, ShardSupply, SupplyGranted
from services.cards.domain.supply.home import HomeSupply
from services.cards.domain.supply.leasing import answer, decide_lease
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.supply.stocking import Stock, accepted
from services.cards.domain.vocabulary import Source
from tests.unit.cards.games import OPENS_MS, SPRING, a_part, an_order
from tests.unit.cards.test_stocking import RULES

ONE = SupplyPlan((1, 0, 0, 0, 0), (1, 0, 0, 0))
ORDER = an_order(ONE)
STEP_MS, POLL_MS, RETRY_MS = 10, 500, 100


class Side:
    """A shard as its keeper looks after it; somebody comes for a card every so often."""

    def __init__(self, shard: int, grant: Grant, home: HomeSupply) -> None:
        self.home = home
        home.grant_happened(SupplyGranted(SPRING, shard, grant, ShardSupply(), home.carry))
        self.game = ShardGame(a_part(ONE, shard))
        self.game.lease_happened(DeckReceived(SPRING, grant))
        self.stock = Stock(RULES, self.game.issued, OPENS_MS)
        self.look_at_ms = 0

    @property
    def can_deal(self) -> bool:
        return min(self.game.issued.decks.left_count, self.game.issued.deals_left(Source.FRIEND)) > 0

    def pass_by(self, now_ms: int, *, somebody_comes: bool) -> None:
        waits = somebody_comes and self.stock.is_coming(Source.FRIEND, now_ms)
        self.stock.lacking[Source.FRIEND] = int(waits)
        if waits or now_ms >= self.look_at_ms:
            self.look_at_ms = now_ms + POLL_MS
            self.look(now_ms)
        self.stock.lacking[Source.FRIEND] = 0

    def look(self, now_ms: int) -> None:
        back = self.stock.surplus(now_ms)
        if back is not None:
            self.game.issued.return_happened(back)
        request = self.stock.request(now_ms)
        if request is None:
            return
        event = decide_lease(self.home, ORDER, request, now_ms)
        if isinstance(event, SupplyGranted):
            self.home.grant_happened(event)
        elif event is not None:
            self.home.report_happened(event)
        told = answer(self.home, ORDER, request, now_ms, RETRY_MS)
        self.stock.answered(request, told, now_ms)
        for received in accepted(self.game.issued, told):
            assert isinstance(received, DeckReceived)
            self.game.lease_happened(received)


@pytest.mark.parametrize("every_steps", [1, 3, 10, 40])
def test_a_card_on_one_shard_and_the_right_to_deal_it_on_another_meet(every_steps: int) -> None:
    """Though on both shards people keep waiting, for what the other one has."""
    home = HomeSupply(ONE, 2)
    sides = [
        Side(0, Grant(1, ONE.limits, NO_DEALS), home),
        Side(1, Grant(1, (0,) * 5, ONE.quotas), home),
    ]
    now_ms = OPENS_MS
    while not any(side.can_deal for side in sides):
        now_ms += STEP_MS
        assert now_ms < OPENS_MS + 10_000, "each waits for the other"
        for side in sides:
            side.pass_by(now_ms, somebody_comes=(now_ms - OPENS_MS) % (every_steps * STEP_MS) == 0)


def test_a_shard_gets_no_cards_that_it_may_not_deal() -> None:
    home = HomeSupply(ONE, 2)
    home.grant_happened(SupplyGranted(SPRING, 1, Grant(1, (0,) * 5, ONE.quotas), ShardSupply(), home.carry))
    stock = Stock(RULES, ShardGame(a_part(ONE)).issued, OPENS_MS)
    stock.lacking[Source.FRIEND] = 1
    request = stock.request(OPENS_MS)
    assert request is not None
    assert request.wanted_cards > 0
    assert decide_lease(home, ORDER, request, OPENS_MS) is None
