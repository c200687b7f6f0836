"""Who deals, gives and completes on the shards of a game, for reports on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.events import Recorded, SetsCompleted
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.machine import ExchangeKind, ExchangeState
from services.cards.domain.flows.facts import PlayFacts, play_facts, trails_of
from services.cards.domain.flows.given import Given, copy_given
from services.cards.domain.flows.hubs import HubBounds, ShardHubs, find_hubs
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.placement import shard_of_person
from services.cards.domain.vocabulary import CARDS, CampaignId, PersonId
from services.mesh.shards.hashing import shards_of
from tests.unit.cards.games import DEADLINE_MS, SPRING, a_part

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MOVEMENTS_MAX = 2_048
HUBS_PER_PAGE = 3
"""Few, so that there are several pages."""


class World:
    """All shards of a game; its `FlowPeers`. Cards come from nowhere: supply does not matter here."""

    def __init__(self, shard_count: int) -> None:
        self.shard_count = shard_count
        self.games = [ShardGame(a_part(shard=shard)) for shard in range(shard_count)]
        self._seq = 0

    def deal(self, time_ms: int, person: int, card: int) -> None:
        cause = Cause(MovementKind.DEALT, time_ms, self._next(time_ms).seq)
        holdings = self.games[self._shard(person)].holdings
        holdings.put(PersonId(person), CARDS[card - 1], cause)

    def offer(self, time_ms: int, giver: int, receiver: int, card: int) -> bytes:
        """A gift that waits; its request."""
        recorded, request = self._next(time_ms), self._seq.to_bytes(16, "big")
        here, there = self._shard(giver), self._shard(receiver)
        parts = ([giver], [receiver], [card], request)
        opened = ExchangesOpened(SPRING, ExchangeKind.GIFT, time_ms, DEADLINE_MS, *parts, [there])
        game = self.games[here]
        game.exchanges.opened_happened(game.holdings, opened, recorded, shard=here)
        if there != here:
            followed = ExchangesOpened(SPRING, ExchangeKind.GIFT, time_ms, DEADLINE_MS, *parts)
            self._follow(time_ms, there, followed)
        return request

    def end(self, time_ms: int, parts: tuple[int, int, int], request: bytes, state: ExchangeState) -> None:
        """How a gift ended; `parts` are giver, receiver and card."""
        giver, receiver, card = parts
        here, there = self._shard(giver), self._shard(receiver)
        columns = ([ExchangeKind.GIFT.value], [giver], [receiver], [card], request, [state.value])
        game = self.games[here]
        ended = ExchangesEnded(SPRING, time_ms, *columns, [there])
        game.exchanges.ended_happened(game.holdings, game.transit, ended, self._next(time_ms), shard=here)
        if there != here:
            self._follow(time_ms, there, ExchangesEnded(SPRING, time_ms, *columns))

    def give(self, time_ms: int, giver: int, receiver: int, card: int) -> None:
        request = self.offer(time_ms, giver, receiver, card)
        self.end(time_ms, (giver, receiver, card), request, ExchangeState.ACCEPTED)

    def complete(self, time_ms: int, person: int) -> None:
        game = self.games[self._shard(person)]
        completed = SetsCompleted(SPRING, [person], [time_ms], b"")
        game.sets.completion_happened(game.holdings, completed, self._next(time_ms))

    def copies(self, person: int, card: int) -> int:
        holdings = self.games[self._shard(person)].holdings
        return holdings.count(PersonId(person), CARDS[card - 1])

    def given(self, shard: int) -> Given:
        return copy_given(self.games[shard].exchanges.table, 0)

    async def hubs(self, campaign_id: CampaignId, shard: int, givers_min: int) -> AsyncIterator[ShardHubs]:
        """See `FlowPeers.hubs`."""
        assert campaign_id == SPRING
        found, after = find_hubs(self.given(shard), givers_min, HubBounds(10_000, 10_000, 64)), 0
        while True:
            page = found.page(after, HUBS_PER_PAGE, 10_000)
            yield ShardHubs(page, found.received_cards, found.left_out)
            if not page:
                return
            after = page[-1].person_id

    async def facts(self, campaign_id: CampaignId, shard: int, person_ids: NDArray[np.int64]) -> PlayFacts:
        """See `FlowPeers.facts`."""
        assert campaign_id == SPRING
        assert (shards_of(person_ids, self.shard_count) == np.uint64(shard)).all()
        return play_facts(trails_of(self.games[shard], person_ids), MOVEMENTS_MAX)

    def facts_of(self, *people: int, movements_max: int = MOVEMENTS_MAX) -> PlayFacts:
        """Of people of one shard."""
        game = self.games[self._shard(people[0])]
        return play_facts(trails_of(game, np.array(people, np.int64)), movements_max)

    def _follow(self, time_ms: int, shard: int, part: ExchangesOpened | ExchangesEnded) -> None:
        game = self.games[shard]
        recorded = self._next(time_ms)
        game.exchanges.followed_happened(game.holdings, game.transit, part, recorded, shard=shard)

    def _shard(self, person: int) -> int:
        return shard_of_person(PersonId(person), self.shard_count)

    def _next(self, time_ms: int) -> Recorded:
        self._seq += 1
        return Recorded(self._seq, time_ms)
