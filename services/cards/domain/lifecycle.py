"""A game from its order to the sharing of its pool, over all shards, whatever stops half-way.

Every step can be repeated: a home shard's new owner begins again at what is on record.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from services.cards.domain.errors import DeadlinePassed, WinningsWaitTooShort
from services.cards.domain.events import (
    Change,
    GameCreated,
    GameFunded,
    GameOrder,
    GamePrepared,
    GameRefused,
    PoolDecided,
    ShardSealed,
)
from services.cards.domain.exchanges.closing import end_all_open
from services.cards.domain.ports import Funds, OwnedShard, Peers
from services.cards.domain.sets.luck import luck_key
from services.cards.domain.sets.pool import decide_pool
from services.cards.domain.sets.rules import check_deadline, check_decision, decide_seal
from services.cards.domain.supply.draw import draw_key
from services.cards.domain.supply.errors import SupplyPlanInvalid
from services.cards.domain.supply.leasing import close_books
from services.cards.domain.vocabulary import CARDS, CampaignId, ShareMode
from services.mesh.errors import ErrorKind, ServiceError

_SETTLEMENT = "hongbao.settlement"
_REFUSALS = {ErrorKind.PRECONDITION, ErrorKind.EXISTS}


class GamePhase(enum.IntEnum):
    """Where a game stands; numbers are those of the contract."""

    SCHEDULED = 1
    OPEN = 2
    SEALING = 3
    CLOSED = 4


@dataclass(frozen=True, slots=True)
class GameFigures:
    """Counts over all shards, read moments apart."""

    issued: tuple[int, ...]
    """Cards issued, by card."""
    sets_completed: int


class GameLifecycle:
    """Takes the games of a home shard through their life."""

    def __init__(
        self,
        funds: Funds,
        peers: Peers,
        *,
        shard_count: int,
        now_ms: Callable[[], int],
        new_seed: Callable[[], bytes],
        one_at_a_time: AbstractAsyncContextManager[None],
    ) -> None:
        """Wires a lifecycle; `new_seed` gives 32 unpredictable bytes each time, `one_at_a_time` is a lock."""
        self._funds = funds
        self._peers = peers
        self._shard_count = shard_count
        self._now_ms = now_ms
        self._new_seed = new_seed
        # One pool at a time: what one call is refused, no other may hold meanwhile. Games are few.
        self._funding = one_at_a_time

    async def create(self, home: OwnedShard, order: GameOrder) -> GameCreated:
        """Puts a game on record, holds its pool, and prepares all shards.

        An order that is on record already is only finished. Raises `GameConflict`, `DeadlinePassed`,
        `WinningsWaitTooShort`, `SupplyPlanInvalid`, or settlement's errors.
        """
        async with self._funding:
            game = home.state.known_game(order)
            if game is None:
                if order.deadline_ms <= self._now_ms():
                    raise DeadlinePassed(order.campaign_id, order.deadline_ms)
                if 0 < order.winnings_wait_until_at_ms < order.deadline_ms:
                    raise WinningsWaitTooShort(order)
                _check_supply(order)
                game = GameCreated(order, self._new_seed(), self._shard_count)
                # On record before any money is held: whoever owns the shard then can finish what this begins.
                await home.commit(Change(game))
            await self._fund(home, game)
        await self.prepare(game)
        return game

    async def fund(self, home: OwnedShard, game: GameCreated) -> None:
        """Holds the pool of a game on record. Raises settlement's errors: after a refusal it is gone."""
        async with self._funding:
            await self._fund(home, game)

    async def prepare(self, game: GameCreated) -> None:
        """Gives every shard its part."""
        order = game.order
        is_lucky = order.share_mode is ShareMode.LUCKY
        shared_luck_key = luck_key(game.seed, order.campaign_id) if is_lucky else b""
        await self._peers.prepare(
            [
                GamePrepared(
                    campaign_id=order.campaign_id,
                    shard=shard,
                    supply=order.supply,
                    opens_at_ms=order.opens_at_ms,
                    deadline_ms=order.deadline_ms,
                    draw_key=draw_key(game.seed, order.campaign_id, shard),
                    share_mode=order.share_mode,
                    luck_key=shared_luck_key,
                    deals_per_day_max=order.deals_per_day_max,
                    exchange_limits=order.exchange_limits,
                )
                for shard in range(game.shard_count)
            ]
        )

    async def close(self, home: OwnedShard, game: GameCreated) -> PoolDecided:
        """Seals all shards, shares the pool and tells every shard. The home shard is told last.

        So a decision on the home shard means that all have it, and a crash before that starts over with the
        same seals and comes to the same decision. Raises `DeadlineNotReached` if any shard's clock says so.
        """
        campaign_id = game.order.campaign_id
        shards = range(game.shard_count)
        seals = await self._peers.seal(campaign_id, shards)
        supply = home.state.supplies[campaign_id]
        if supply.closed is None:
            home.commit(Change(close_books(campaign_id, supply, [seal.supply for seal in seals])))
        decision = decide_pool(game, seals)
        own = home.state.number
        await self._peers.finish([shard for shard in shards if shard != own], decision)
        await self._peers.finish([own], decision)
        return decision

    async def _fund(self, home: OwnedShard, game: GameCreated) -> None:
        campaign_id = game.order.campaign_id
        if home.state.created.get(campaign_id) == game and campaign_id not in home.state.funded:
            # Also for a deadline that has passed by now: the pool may be held already, and only a game that
            # comes to its end gives it back.
            try:
                await self._funds.hold_pool(game.order)
            except ServiceError as error:
                if _is_refusal(error):
                    await home.commit(Change(GameRefused(campaign_id)))
                raise
            home.commit(Change(GameFunded(campaign_id)))
        await home.settled()

    async def figures(self, game: GameCreated) -> GameFigures:
        """Counts over all shards."""
        parts = await self._peers.figures(game.order.campaign_id, range(game.shard_count))
        return GameFigures(
            issued=tuple(sum(part.issued[index] for part in parts) for index in range(len(CARDS))),
            sets_completed=sum(part.sets_completed for part in parts),
        )


def _check_supply(order: GameOrder) -> None:
    problem = order.supply.problem(order.deadline_ms - order.opens_at_ms)
    if problem is not None:
        raise SupplyPlanInvalid(order.campaign_id, *problem)


def _is_refusal(error: ServiceError) -> bool:
    """Whether settlement itself said no. Other errors do not tell if an earlier attempt was carried out."""
    is_late = error.reason == "HOLD_TOO_LATE"  # The attempt came too late; the next one names another moment.
    return error.domain == _SETTLEMENT and error.kind in _REFUSALS and not is_late


def phase_of(order: GameOrder, decision: PoolDecided | None, now_ms: int) -> GamePhase:
    """Where a game stands by its home shard's clock."""
    if decision is not None:
        return GamePhase.CLOSED
    if now_ms >= order.deadline_ms:
        return GamePhase.SEALING
    return GamePhase.SCHEDULED if now_ms < order.opens_at_ms else GamePhase.OPEN


async def prepare_here(shard: OwnedShard, part: GamePrepared) -> None:
    """Takes this shard's part of a game, durably. Raises `GameConflict`."""
    if not shard.state.is_prepared(part):
        shard.commit(Change(part))
    await shard.settled()


async def seal_here(shard: OwnedShard, campaign_id: CampaignId, now_ms: int) -> ShardSealed:
    """Seals this shard's part, durably, once. Raises `GameUnknown`, `DeadlineNotReached`."""
    game = shard.state.game(campaign_id)
    if game.sets.sealed is None:
        check_deadline(game, now_ms)
        await end_all_open(shard, game, now_ms)
    seal = game.sets.sealed
    if seal is None:
        # Nothing came in between: whatever ended last, no turn was given away since.
        seal = decide_seal(game, now_ms)
        shard.commit(Change(seal))
    await shard.settled()
    return seal


async def finish_here(shard: OwnedShard, decision: PoolDecided) -> None:
    """Records the decision on this shard, durably. Raises `GameUnknown`, `GameNotSealed`, `GameConflict`."""
    if check_decision(shard.state.game(decision.campaign_id), decision):
        shard.commit(Change(decision))
    await shard.settled()
