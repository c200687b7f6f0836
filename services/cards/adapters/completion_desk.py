"""Completions of single persons: those that are asked for in one turn of the loop share a record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from services.cards.domain.events import Change
from services.cards.domain.placement import owns_column
from services.cards.domain.ports import OwnedShard
from services.cards.domain.sets.rules import decide_completions, why_not
from services.cards.domain.sets.sets import Completion
from services.cards.domain.vocabulary import CampaignId, PersonId

PERSONS_PER_RECORD_MAX = 4_096
"""Most persons in one record: as the contract says."""


@dataclass(slots=True)
class _Turn:
    """What is asked for of one game on one shard, before the loop goes round."""

    shard: OwnedShard
    waiting: list[tuple[PersonId, asyncio.Future[Completion]]]


class CompletionDesk:
    """Completes sets. See `Completing`."""

    def __init__(self, shard_count: int, now_ms: Callable[[], int]) -> None:
        """`now_ms` is the clock that judges deadlines."""
        self._shard_count = shard_count
        self._now_ms = now_ms
        self._turns: dict[tuple[int, CampaignId], _Turn] = {}

    async def complete(self, shard: OwnedShard, campaign_id: CampaignId, person_id: PersonId) -> Completion:
        """See `Completing.complete`."""
        shard.state.game(campaign_id)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Completion] = loop.create_future()
        place = (shard.state.number, campaign_id)
        turn = self._turns.get(place)
        if turn is None or turn.shard != shard or len(turn.waiting) == PERSONS_PER_RECORD_MAX:
            # One that is full, or of an owner before, is served all the same: it is on the loop already.
            turn = self._turns[place] = _Turn(shard, [])
            loop.call_soon(self._serve, campaign_id, turn)
        turn.waiting.append((person_id, answer))
        completion = await answer
        await shard.settled()
        return completion

    def _serve(self, campaign_id: CampaignId, turn: _Turn) -> None:
        place = (turn.shard.state.number, campaign_id)
        if self._turns.get(place) is turn:
            del self._turns[place]
        # Who has gone meanwhile did not take anything back: they get what they asked for, as on any way.
        try:
            self._decide(turn.shard, campaign_id, turn)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            for _, answer in turn.waiting:
                if not answer.done():
                    answer.set_exception(error)

    def _decide(self, shard: OwnedShard, campaign_id: CampaignId, turn: _Turn) -> None:
        game = shard.state.game(campaign_id)
        person_ids = [person_id for person_id, _ in turn.waiting]
        are_own = owns_column(shard.state.number, self._shard_count)
        decision = decide_completions(game, person_ids, self._now_ms(), are_own)
        if decision.completed is not None:
            shard.commit(Change(decision.completed))
        for (person_id, answer), outcome in zip(turn.waiting, decision.outcomes, strict=True):
            if answer.done():
                continue
            completion = game.sets.completion_of(campaign_id, person_id)
            if completion is not None:
                answer.set_result(completion)
            else:
                answer.set_exception(why_not(game, person_id, outcome))
