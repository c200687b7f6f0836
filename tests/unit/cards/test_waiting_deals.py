"""Deals that wait for cards, while others are dealt what is left."""

from __future__ import annotations

import numpy as np
import pytest

from services.cards.domain import play
from services.cards.domain.events import CardsDealt, Change
from services.cards.domain.opening import DealOutcome
from services.cards.domain.ports import OwnedShard
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CampaignId, Source
from tests.unit.cards.games import OPENS_MS, SPRING
from tests.unit.cards.test_friend_sink import ListedShard

THREE = SupplyPlan(limits=(1, 1, 1, 0, 0), quotas=(0, 9, 0, 0))
SOMEBODY_ELSE = 99


class Elsewhere:
    """No cards come, and while that is waited for somebody else gets so many of those that are left."""

    def __init__(self, cards: int) -> None:
        self.cards = cards

    async def more(self, shard: OwnedShard, campaign_id: CampaignId, source: Source, count: int) -> bool:
        assert count > 0
        people, keys = [SOMEBODY_ELSE] * self.cards, [f"other-{number}" for number in range(self.cards)]
        decision = decide_deal(shard.state.game(campaign_id), source, people, keys, OPENS_MS, are_all_own)
        assert decision.deal is not None
        shard.commit(Change(CardsDealt((decision.deal,))))
        return False

    def dealt(self, shard: OwnedShard, campaign_id: CampaignId) -> None:
        """Nobody asks."""

    def retry_after_ms(self, shard: OwnedShard, campaign_id: CampaignId, source: Source) -> int:
        raise AssertionError((shard, campaign_id, source))


@pytest.mark.parametrize("taken", [1, 2, 3])
async def test_what_somebody_else_was_dealt_meanwhile_is_dealt_once(taken: int) -> None:
    shard = ListedShard(THREE)
    decision = await play.deal(
        shard, SPRING, Source.TAP, [1, 2, 3, 4], ["round-1"], lambda: OPENS_MS, are_all_own, Elsewhere(taken)
    )
    left = 3 - taken
    assert list(decision.outcomes) == [DealOutcome.DEALT] * left + [DealOutcome.NOT_RELEASED] * (4 - left)
    game = shard.state.game(SPRING)
    assert game.issued.cards == [1, 1, 1, 0, 0]
    assert np.count_nonzero(decision.cards) == left
