"""What home grants a shard that asks, and the books at the end. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.cards.domain.errors import DeadlinePassed
from services.cards.domain.events import GameOrder
from services.cards.domain.supply.compose import Deck, compose
from services.cards.domain.supply.curve import ReleaseCurve
from services.cards.domain.supply.errors import LeaseBooksWrong, LeaseOutOfOrder
from services.cards.domain.supply.forecast import expected_deals
from services.cards.domain.supply.grants import (
    FIRST_SOURCES,
    NO_CARDS,
    NO_GRANT,
    Grant,
    SealedSupply,
    ShardSupply,
    SupplyClosed,
    SupplyGranted,
    SupplyReported,
    add,
    subtract,
)
from services.cards.domain.supply.home import HomeSupply
from services.cards.domain.vocabulary import SOURCES, CampaignId, Source

SHARES_PER_SHARD = 2
"""A lease is at most this part, half, of what is free for each shard: so that the last cards reach all."""


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """What a shard wants, and where it stands."""

    campaign_id: CampaignId
    shard: int
    lease_no: int
    """One more than the last lease that reached it."""
    wanted_cards: int
    wanted_deals: tuple[int, ...]
    """By source."""
    supply: ShardSupply


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """What home says."""

    grant: Grant | None
    """The lease that was asked for; None when there is nothing at this moment."""
    is_supply_ended: bool
    """Whether every card of the game is dealt."""
    ended_sources: tuple[Source, ...]
    """Sources whose quota is dealt."""
    retry_after_ms: int
    """When asking again makes sense; 0 for at once."""
    is_scarce: bool
    """Whether home has run out of cards or of a source: shards should give back what they do not need."""


def decide_lease(
    home: HomeSupply, order: GameOrder, request: LeaseRequest, now_ms: int
) -> SupplyGranted | SupplyReported | None:
    """What to put on record before answering; None when there is nothing new.

    The lease that was granted last is not granted again, but told again. Raises `LeaseOutOfOrder`,
    `LeaseBooksWrong`, or `DeadlinePassed` when the game is over.
    """
    if now_ms >= order.deadline_ms or home.closed is not None:
        raise DeadlinePassed(request.campaign_id, order.deadline_ms)
    shard, next_no = request.shard, home.last_grants[request.shard].lease_no + 1
    if request.lease_no not in {next_no - 1, next_no}:
        raise LeaseOutOfOrder(request.campaign_id, shard, request.lease_no, next_no)
    told = home.supplies[shard].latest(request.supply)
    if not home.explains(shard, told):
        raise LeaseBooksWrong(request.campaign_id, shard)
    if request.lease_no == next_no:
        deck, deals = _grantable(home, order, request, told, now_ms)
        if sum(deck.counts) or sum(deals):
            grant = Grant(next_no, deck.counts, deals)
            return SupplyGranted(request.campaign_id, shard, grant, told, deck.carry)
    # What was only dealt matters to others once home has nothing left: then each report may be the last word.
    is_news = told.returned != home.supplies[shard].returned or (
        told.returned_deals != home.supplies[shard].returned_deals
    )
    if is_news or (is_scarce(home) and told != home.supplies[shard]):
        return SupplyReported(request.campaign_id, shard, told)
    return None


def answer(
    home: HomeSupply, order: GameOrder, request: LeaseRequest, now_ms: int, retry_ms: int
) -> LeaseAnswer:
    """What to tell the shard once all is on record; `retry_ms` is how long it waits for what others have."""
    last = home.last_grants[request.shard]
    grant = last if last.lease_no == request.lease_no else None
    ended = tuple(
        source
        for source, quota, dealt in zip(SOURCES, home.plan.quotas, home.dealt, strict=True)
        # Shards of an earlier release do not know later sources: without a quota these are not named.
        if dealt >= quota and (quota or source <= FIRST_SOURCES)
    )
    return LeaseAnswer(
        grant=grant,
        is_supply_ended=sum(home.dealt) >= sum(home.plan.limits),
        ended_sources=ended,
        retry_after_ms=_wait_ms(home, order, request, now_ms, retry_ms),
        is_scarce=is_scarce(home),
    )


def is_scarce(home: HomeSupply) -> bool:
    """Whether home has nothing left of something that is not dealt to the end."""
    if not sum(home.left) and sum(home.dealt) < sum(home.plan.limits):
        return True
    sources = zip(home.left_deals, home.plan.quotas, home.dealt, strict=True)
    return any(not left and dealt < quota for left, quota, dealt in sources)


def close_books(campaign_id: CampaignId, home: HomeSupply, seals: Sequence[SealedSupply]) -> SupplyClosed:
    """The books once all shards are sealed, in order of the shards.

    A grant that never reached its shard, because the answer was lost and the deadline came, was in vain.
    """
    assert len(seals) == len(home.granted), "every shard is sealed"
    issued = returned = in_vain = NO_CARDS
    for seal, granted, told in zip(seals, home.granted, home.supplies, strict=True):
        issued = add(issued, subtract(seal.leased, seal.supply.returned))
        returned = add(returned, subtract(seal.supply.returned, told.returned))
        in_vain = add(in_vain, subtract(granted, seal.leased))
    return SupplyClosed(campaign_id, issued, returned, in_vain, home.left)


def _grantable(
    home: HomeSupply, order: GameOrder, request: LeaseRequest, told: ShardSupply, now_ms: int
) -> tuple[Deck, tuple[int, ...]]:
    """A deck and rights to deal out of what is free, counting what the request gives back."""
    before, plan = home.supplies[request.shard], home.plan
    elapsed_ms, window_ms = now_ms - order.opens_at_ms, order.deadline_ms - order.opens_at_ms
    out = subtract(home.out, subtract(told.returned, before.returned))
    out_deals = subtract(home.out_deals, subtract(told.returned_deals, before.returned_deals))
    free = _free(plan.limits, (plan.curve,) * len(plan.limits), out, elapsed_ms, window_ms)
    free_deals = _free(plan.quotas, plan.quota_curves, out_deals, elapsed_ms, window_ms)
    parts = len(home.granted) * SHARES_PER_SHARD
    deals = tuple(
        min(wanted, free, max(1, free // parts))
        for wanted, free in zip(request.wanted_deals, free_deals, strict=True)
    )
    # No more cards than may be dealt in the end, or by this shard: they would lie where nobody gets them.
    dealable = min(sum(free), sum(plan.quotas) - sum(home.dealt))
    rights = sum(home.granted_deals[request.shard]) - sum(told.returned_deals) + sum(deals)
    lacking = rights - sum(home.granted[request.shard]) + sum(told.returned)
    size = min(request.wanted_cards, sum(free), max(1, dealable // parts), lacking)
    if size <= 0:
        return Deck(NO_CARDS, home.carry), deals
    seen = sum(home.dealt) + sum(subtract(told.dealt, before.dealt))
    at_shards = max(0, sum(out) - seen)
    to_come = max(0, expected_deals(plan, window_ms, elapsed_ms, seen) - at_shards)
    return compose(size, subtract(plan.limits, out), free, to_come, home.carry), deals


def _free(
    bounds: Sequence[int], curves: Sequence[ReleaseCurve], out: Sequence[int], elapsed_ms: int, window_ms: int
) -> tuple[int, ...]:
    """What may go out now of each bound."""
    return tuple(
        max(0, curve.released(bound, elapsed_ms, window_ms) - gone)
        for bound, curve, gone in zip(bounds, curves, out, strict=True)
    )


def _wait_ms(home: HomeSupply, order: GameOrder, request: LeaseRequest, now_ms: int, retry_ms: int) -> int:
    """How long until more may be there of what was wanted and not granted; 0 when all was."""
    plan, last = home.plan, home.last_grants[request.shard]
    grant = last if last.lease_no == request.lease_no else NO_GRANT
    waits = []
    if request.wanted_cards and not sum(grant.cards):
        waits += list(zip(plan.limits, (plan.curve,) * len(plan.limits), home.out, strict=True))
    rights = zip(plan.quotas, plan.quota_curves, home.out_deals, strict=True)
    for wanted, given, right in zip(request.wanted_deals, grant.deals, rights, strict=True):
        if wanted and not given:
            waits.append(right)
    if not waits:
        return 0
    elapsed_ms, window_ms = now_ms - order.opens_at_ms, order.deadline_ms - order.opens_at_ms
    times_ms = (curve.next_release_ms(bound, out, elapsed_ms, window_ms) for bound, curve, out in waits)
    return max(retry_ms, min((time_ms for time_ms in times_ms if time_ms is not None), default=0))
