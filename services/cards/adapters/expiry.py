"""Ends what nobody answered in time, when nobody asks."""

from __future__ import annotations

import structlog

from services.cards.domain.events import Change
from services.cards.domain.exchanges.ending import decide_expiry
from services.cards.domain.ports import OwnedShard
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError

_log = structlog.get_logger(__name__)


class ExpiryKeeper:
    """Keeps an owned shard free of what has expired. What fails is tried again at the next look."""

    def __init__(self, shard: OwnedShard, clock: Clock, settings: CardsSettings) -> None:
        self._shard = shard
        self._clock = clock
        self._poll_ms = settings.expiry_poll_ms
        self._limit = settings.exchanges_per_record_max

    async def run(self) -> None:
        """Looks, acts and sleeps, until cancelled."""
        while True:
            try:
                await self.look()
            except ServiceError as error:
                # The disk may be behind. Nothing that has expired can be accepted meanwhile.
                _log.info("expiry_waits", error=str(error))
            await self._clock.sleep(self._poll_ms / 1000)

    async def look(self) -> None:
        """Ends what has expired by now, one durable record at a time."""
        for game in list(self._shard.state.games.values()):
            while not game.is_sealed:
                event = decide_expiry(game, self._clock.now_ms(), self._limit)
                if event is None:
                    break
                await self._shard.commit(Change(event))
