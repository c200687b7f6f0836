"""Deals until enough people hold a set, has them completed, and waits until settlement has paid for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import psutil
from numpy.typing import NDArray

from hongbao.cards.v1 import cards_pb2, events_pb2
from services.cli.bench.cards_load import KEYS_MAX, Told, batches_of, send_deals
from services.cli.bench.cards_mesh import CALL_TIMEOUT_S, CardsMesh, GamePlan
from services.cli.bench.claim_load import People
from services.cli.console import Refusal
from services.settlement.domain.campaign_books import CampaignBooks

SETS_AT_ONCE = 4_096
"""As many as the contract allows."""
FIRST_KEYS = 5
"""Cards that everybody is dealt, whatever they get."""
SPARE_PEOPLE = 0.05
"""People more than complete a set: the last ones to find their fifth card would take long."""
_FULL = 31
"""A bit for each of the five."""
_POLL_S = 0.05
_CLOSING_TIMEOUT_S = 300.0


@dataclass(slots=True)
class ClosingResult:
    """What closing took."""

    sets: int = 0
    """Sets that were completed, by the answers."""
    sets_s: float = 0.0
    """From the first request until the last set was durable."""
    idle_s: float = 0.0
    """Between that and the deadline."""
    decided_s: float = 0.0
    """From the deadline until the pool was divided and every shard had been told."""
    settled_s: float = 0.0
    """From the deadline until settlement had all of it and the last prize was booked."""
    cpu_s: float = 0.0
    """Processor time of cards for the sets."""
    books: CampaignBooks | None = None
    decision: events_pb2.PoolDecided | None = None

    @property
    def closing_s(self) -> float:
        """All but the wait for the deadline."""
        return self.sets_s + self.settled_s


@dataclass(slots=True)
class Collectors:
    """Who holds which of the five, by what they were told."""

    people: Sequence[People]
    """By shard, in order."""
    held: list[NDArray[np.uint8]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held = [np.zeros(len(theirs), np.uint8) for theirs in self.people]

    def add(self, told: Told, since: int) -> None:
        """Adds what was told from a batch on."""
        deals, cards = np.concatenate(told.deals[since:]), np.concatenate(told.cards[since:])
        ids = deals // KEYS_MAX
        for theirs, held in zip(self.people, self.held, strict=True):
            places = np.minimum(np.searchsorted(theirs, ids), len(theirs) - 1)
            is_theirs = (theirs[places] == ids) & (cards != 0)
            np.bitwise_or.at(held, places[is_theirs], 1 << cards[is_theirs] - 1)

    @property
    def complete(self) -> int:
        """People with all five."""
        return sum(int((held == _FULL).sum()) for held in self.held)

    def lacking(self) -> list[People]:
        """By shard, those who miss a card."""
        return [theirs[held != _FULL] for theirs, held in zip(self.people, self.held, strict=True)]

    def completers(self, count: int) -> list[People]:
        """So many of those with all five, by shard."""
        found: list[People] = []
        for theirs, held in zip(self.people, self.held, strict=True):
            found.append(theirs[held == _FULL][:count])
            count -= len(found[-1])
        return found


async def deal_sets(
    mesh: CardsMesh,
    plan: GamePlan,
    collectors: Collectors,
    sets: int,
    shape: tuple[int, int],
    told: Told,
    progress: Callable[[int], None],
) -> None:
    """Deals those who miss a card another one, in turns, until so many people have all five.

    `shape` is items in a batch, and batches under way. Raises `Refusal` when that takes too many turns.
    """
    size, window = shape
    for key in range(FIRST_KEYS, KEYS_MAX):
        if collectors.complete >= sets:
            return
        since = len(told.deals)
        batches = batches_of(plan.campaign_id, collectors.lacking(), [key], size)
        await send_deals(mesh.deal_call, batches, window, progress, told)
        collectors.add(told, since)
    raise Refusal(f"only {collectors.complete:,} people have all five cards after {KEYS_MAX} turns")


async def close(
    mesh: CardsMesh, plan: GamePlan, deadline_ms: int, completers: Sequence[People], window: int
) -> ClosingResult:
    """Completes everybody's set, and follows the game from its deadline until all is paid.

    Settlement is frozen from the first set until the deadline: nothing that it has to read is hidden in the
    wait. Raises `Refusal` when the deadline comes too early.
    """
    result = ClosingResult()
    frozen = psutil.Process(mesh.settlement.child.pid)
    frozen.suspend()
    try:
        cpu_s, begun_s = mesh.cards.cpu_s, time.perf_counter()
        waiting = _batches(completers)
        async with asyncio.TaskGroup() as group:
            for _ in range(window):
                group.create_task(_complete(mesh, plan.campaign_id, waiting, result))
        result.sets_s = time.perf_counter() - begun_s
        result.cpu_s = mesh.cards.cpu_s - cpu_s
        result.idle_s = deadline_ms / 1000 - time.time()
        if result.idle_s <= 0:
            raise Refusal("the deadline came before all sets: the machine was faster before; try again")
        await asyncio.sleep(result.idle_s)
    finally:
        frozen.resume()
    begun_s = time.perf_counter()
    async with asyncio.timeout(_CLOSING_TIMEOUT_S):
        result.decision = await _until_decided(mesh, plan.campaign_id)
        result.decided_s = time.perf_counter() - begun_s
        result.books = await _until_paid(mesh, plan.campaign_id)
    result.settled_s = time.perf_counter() - begun_s
    return result


def _batches(completers: Sequence[People]) -> Iterator[tuple[int, People]]:
    """The shards take turns."""
    for start in range(0, max(map(len, completers)), SETS_AT_ONCE):
        for shard, theirs in enumerate(completers):
            if start < len(theirs):
                yield shard, theirs[start : start + SETS_AT_ONCE]


async def _complete(
    mesh: CardsMesh, campaign_id: str, waiting: Iterator[tuple[int, People]], result: ClosingResult
) -> None:
    for shard, people in waiting:
        answer = await mesh.game_service.CompleteSetBatch(
            cards_pb2.CompleteSetBatchRequest(
                campaign_id=campaign_id, shard=shard, person_ids=people.tolist()
            ),
            timeout=CALL_TIMEOUT_S,
        )
        result.sets += sum(outcome == cards_pb2.COMPLETION_OUTCOME_COMPLETED for outcome in answer.outcomes)


async def _until_decided(mesh: CardsMesh, campaign_id: str) -> events_pb2.PoolDecided:
    while True:
        answer = await mesh.game_service.GetGame(
            cards_pb2.GetGameRequest(campaign_id=campaign_id), timeout=CALL_TIMEOUT_S
        )
        if answer.game.HasField("decision"):
            return answer.game.decision
        await asyncio.sleep(_POLL_S)


async def _until_paid(mesh: CardsMesh, campaign_id: str) -> CampaignBooks:
    while True:
        books = await mesh.books()
        for campaign in books.campaigns:
            if campaign.campaign_id == campaign_id and campaign.settled:
                return campaign
        await asyncio.sleep(_POLL_S)
