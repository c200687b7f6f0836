"""Figures that many screens look at: shards are asked once in a while, however many look."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from services.cards.domain.events import GameCreated
from services.cards.domain.ports import OwnedShard, Peers
from services.cards.domain.sets.figures import GameFigures, gather_figures
from services.cards.domain.vocabulary import CampaignId
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError

_GAMES_MAX = 64
"""Games whose figures are kept; the one that was not looked at for longest goes first."""


@dataclass(slots=True)
class _Look:
    """The last look at a game."""

    game: GameCreated
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    figures: GameFigures | None = None
    asked_s: float = 0.0
    """When it was asked for, by the monotonic clock."""


class FiguresBoard:
    """Keeps the figures of games for a while. See `FiguresSource`."""

    def __init__(self, peers: Peers, clock: Clock, max_age_ms: int) -> None:
        self._peers = peers
        self._clock = clock
        self._max_age_s = max_age_ms / 1000
        self._looks: dict[CampaignId, _Look] = {}

    async def figures(self, home: OwnedShard, game: GameCreated) -> GameFigures:
        """See `FiguresSource.figures`."""
        look = self._look_at(game)
        # Who comes while shards are being asked waits for their answer, and finds it here.
        async with look.asking:
            if look.figures is None or self._clock.monotonic_s() - look.asked_s >= self._max_age_s:
                look.figures = await self._ask(home, look)
            return look.figures

    async def _ask(self, home: OwnedShard, look: _Look) -> GameFigures:
        order, shards = look.game.order, range(look.game.shard_count)
        look.asked_s = self._clock.monotonic_s()
        # The decision first: figures that come with it are those after it.
        part = home.state.games.get(order.campaign_id)
        decision = None if part is None else part.sets.decision
        await home.settled()
        try:
            parts = await self._peers.figures(order.campaign_id, shards)
        except ServiceError:
            # A shard that is changing its owner: screens go on with what is known, which tells its age.
            # Not at once again, by everybody who waits here: a shard may be silent for a whole deadline.
            look.asked_s = self._clock.monotonic_s()
            if look.figures is None:
                raise
            return look.figures
        return gather_figures(order, decision, parts, self._clock.now_ms())

    def _look_at(self, game: GameCreated) -> _Look:
        campaign_id = game.order.campaign_id
        look = self._looks.pop(campaign_id, None)
        if look is None or look.game != game:
            look = _Look(game)
        self._looks[campaign_id] = look
        if len(self._looks) > _GAMES_MAX:
            del self._looks[next(iter(self._looks))]
        return look
