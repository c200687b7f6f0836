"""The supply of a game at its home shard: what every shard was granted, and what it told."""

from __future__ import annotations

from services.cards.domain.supply.compose import NO_CARRY
from services.cards.domain.supply.grants import (
    NO_CARDS,
    NO_DEALS,
    NO_GRANT,
    Grant,
    ShardSupply,
    SupplyClosed,
    SupplyGranted,
    SupplyReported,
    add,
    subtract,
)
from services.cards.domain.supply.plan import SupplyPlan


class HomeSupply:
    """What may still be granted. Only the `*_happened` methods change it."""

    __slots__ = (
        "carry",
        "closed",
        "dealt",
        "granted",
        "granted_deals",
        "last_grants",
        "out",
        "out_deals",
        "plan",
        "supplies",
    )

    def __init__(self, plan: SupplyPlan, shard_count: int) -> None:
        self.plan = plan
        self.granted = [NO_CARDS] * shard_count
        """Cards granted to each shard, by card."""
        self.granted_deals = [NO_DEALS] * shard_count
        """Rights to deal granted to each shard, by source."""
        self.supplies = [ShardSupply()] * shard_count
        """What each shard told last."""
        self.last_grants = [NO_GRANT] * shard_count
        """What each shard was granted last: asked again, home says it again."""
        self.out = NO_CARDS
        """Granted and not given back, by card: dealt, with a shard, or under way."""
        self.out_deals = NO_DEALS
        """Likewise by source."""
        self.dealt = NO_DEALS
        """Cards dealt by all shards as far as they told, by source."""
        self.carry = NO_CARRY
        """Of the last deck: see `compose.Deck`."""
        self.closed: SupplyClosed | None = None

    @property
    def left(self) -> tuple[int, ...]:
        """Cards that may still be granted, by card."""
        return subtract(self.plan.limits, self.out)

    @property
    def left_deals(self) -> tuple[int, ...]:
        """Rights to deal that may still be granted, by source."""
        return subtract(self.plan.quotas, self.out_deals)

    def explains(self, shard: int, told: ShardSupply) -> bool:
        """Whether what was granted to a shard is enough for all that it tells."""
        cards_left = subtract(self.granted[shard], told.returned)
        deals_left = subtract(self.granted_deals[shard], add(told.returned_deals, told.dealt))
        are_enough = sum(cards_left) >= sum(told.dealt)
        return are_enough and min(*cards_left, *deals_left) >= 0

    def grant_happened(self, granted: SupplyGranted) -> None:
        """A shard was granted a lease."""
        shard, grant = granted.shard, granted.grant
        assert self.closed is None, "nothing is granted after the books are closed"
        assert grant.lease_no == self.last_grants[shard].lease_no + 1, "leases are numbered without gaps"
        self._report(shard, granted.supply)
        self.granted[shard] = add(self.granted[shard], grant.cards)
        self.granted_deals[shard] = add(self.granted_deals[shard], grant.deals)
        self.last_grants[shard] = grant
        self.out = add(self.out, grant.cards)
        self.out_deals = add(self.out_deals, grant.deals)
        self.carry = granted.carry
        self.check()

    def report_happened(self, reported: SupplyReported) -> None:
        """A shard told what it did with its leases."""
        self._report(reported.shard, reported.supply)
        self.check()

    def close_happened(self, closed: SupplyClosed) -> None:
        """The books are closed, and right."""
        assert self.closed is None, "the books are closed once"
        for index, limit in enumerate(self.plan.limits):
            parts = (closed.issued, closed.returned, closed.granted_in_vain, closed.never_granted)
            assert sum(part[index] for part in parts) == limit, "no card was lost or made"
            assert all(part[index] >= 0 for part in parts), "no part is below nothing"
        self.closed = closed

    def check(self) -> None:
        """Never is more out than the limits and quotas allow."""
        for out, limit in zip(self.out, self.plan.limits, strict=True):
            assert 0 <= out <= limit, "the issue limit is hard"
        for out, quota in zip(self.out_deals, self.plan.quotas, strict=True):
            assert 0 <= out <= quota, "the quota is hard"

    def _report(self, shard: int, told: ShardSupply) -> None:
        before = self.supplies[shard]
        after = self.supplies[shard] = before.latest(told)
        assert self.explains(shard, after), "nobody deals and gives back more than they were granted"
        self.out = subtract(self.out, subtract(after.returned, before.returned))
        self.out_deals = subtract(self.out_deals, subtract(after.returned_deals, before.returned_deals))
        self.dealt = add(self.dealt, subtract(after.dealt, before.dealt))


def restored(
    plan: SupplyPlan,
    granted: list[tuple[int, ...]],
    granted_deals: list[tuple[int, ...]],
    supplies: list[ShardSupply],
    last_grants: list[Grant],
) -> HomeSupply:
    """The supply that a snapshot kept, without its carry and its end."""
    home = HomeSupply(plan, len(granted))
    home.granted, home.granted_deals = granted, granted_deals
    home.supplies, home.last_grants = supplies, last_grants
    for shard, supply in enumerate(supplies):
        home.out = add(home.out, subtract(granted[shard], supply.returned))
        home.out_deals = add(home.out_deals, subtract(granted_deals[shard], supply.returned_deals))
        home.dealt = add(home.dealt, supply.dealt)
    home.check()
    return home
