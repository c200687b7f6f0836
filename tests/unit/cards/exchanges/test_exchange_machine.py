"""Gifts and asks on two shards, with crashes between any two steps, against a model that counts on fingers.

Everybody has cards from the beginning, and nobody completes a set: what becomes of them with all the rest of
a game is for `test_machine`.
"""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import initialize

from services.cards.domain.events import CardsDealt, Change
from services.cards.domain.flows.limits import ExchangeLimits
from services.cards.domain.placement import owns_column
from services.cards.domain.supply.dealing import decide_deal
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import Source
from tests.unit.cards.exchange_rules import LIMITS_TO_REACH, ExchangeRules
from tests.unit.cards.games import a_part, everything
from tests.unit.cards.shard_rules import PERSONS, SHARDS

CARDS_EACH = 6
SUPPLY = SupplyPlan(limits=(12,) * 5, quotas=(0, 80, 0, 0))
HALF = SupplyPlan(limits=(6,) * 5, quotas=(0, 40, 0, 0))


class Exchanging(ExchangeRules):
    """Every rule is one step that a player, a feed, a clock, a friendship or a power cut takes."""

    @initialize(limits=st.sampled_from(LIMITS_TO_REACH))
    def prepare(self, limits: ExchangeLimits) -> None:
        self.start([replace(a_part(SUPPLY, number), exchange_limits=limits) for number in range(SHARDS)])
        who = PERSONS * CARDS_EACH
        keys = [str(index) for index in range(len(who))]
        for number, disk in enumerate(self.disks):
            disk.commit(Change(everything(HALF)))
            are_own = owns_column(number, SHARDS)
            decision = decide_deal(disk.game, Source.TAP, who, keys, self.now_ms, are_own)
            assert decision.deal is not None
            disk.commit(Change(CardsDealt((decision.deal,))))
            disk.flush()


TestExchanging = Exchanging.TestCase
TestExchanging.settings = settings(max_examples=75, stateful_step_count=40, deadline=None)
