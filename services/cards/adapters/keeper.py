"""Does what games need when nobody asks: finishes preparations, seals at the deadline, closes."""

from __future__ import annotations

import structlog

from services.cards.domain.events import GameCreated
from services.cards.domain.lifecycle import GameLifecycle, seal_here
from services.cards.domain.ports import OwnedShard
from services.cards.domain.vocabulary import CampaignId
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError

_log = structlog.get_logger(__name__)


class GameKeeper:
    """Keeps the games of one owned shard going. What fails is tried again at the next look."""

    def __init__(self, shard: OwnedShard, lifecycle: GameLifecycle, clock: Clock, poll_ms: int) -> None:
        self._shard = shard
        self._lifecycle = lifecycle
        self._clock = clock
        self._poll_ms = poll_ms
        self._prepared: set[CampaignId] = set()

    async def run(self) -> None:
        """Looks, acts and sleeps, until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(self._pause_ms() / 1000)

    async def look(self) -> None:
        """Does what is due now."""
        try:
            await self._seal()
        except ServiceError as error:
            # The disk may be behind, at the deadline more than ever. Nothing is dealt or completed any more.
            _log.info("seal_waits", error=str(error))
        for game in list(self._shard.state.created.values()):
            try:
                await self._tend(game)
            except ServiceError as error:
                # A peer may be without an owner, or its clock a little behind: both pass.
                _log.info("game_waits", campaign=game.order.campaign_id, error=str(error))

    async def _seal(self) -> None:
        now_ms = self._clock.now_ms()
        for campaign_id, game in list(self._shard.state.games.items()):
            if game.sets.sealed is None and now_ms >= game.prepared.deadline_ms:
                seal = await seal_here(self._shard, campaign_id, now_ms)
                _log.info("game_sealed", campaign=campaign_id, shard=seal.shard, sets=seal.sets_completed)

    async def _tend(self, game: GameCreated) -> None:
        campaign_id = game.order.campaign_id
        own_part = self._shard.state.games.get(campaign_id)
        if own_part is not None and own_part.sets.decision is not None:
            return
        await self._lifecycle.fund(self._shard, game)
        if campaign_id not in self._shard.state.funded:
            return  # Refused while this waited.
        if campaign_id not in self._prepared:
            # The owner before may have stopped between its record and the last shard.
            await self._lifecycle.prepare(game)
            self._prepared.add(campaign_id)
        if self._clock.now_ms() >= game.order.deadline_ms:
            decision = await self._lifecycle.close(self._shard, game)
            _log.info(
                "game_closed",
                campaign=campaign_id,
                sets=sum(decision.sets_by_shard),
                share_fen=decision.share_fen,
                remainder_fen=decision.remainder_fen,
            )

    def _pause_ms(self) -> int:
        """Until the next deadline, but not longer than a poll."""
        now_ms = self._clock.now_ms()
        ahead = [
            game.prepared.deadline_ms - now_ms
            for game in self._shard.state.games.values()
            if game.sets.sealed is None
        ]
        return max(1, min(self._poll_ms, *ahead)) if ahead else self._poll_ms
