"""A game with less supply than demand, whose process is killed again and again while it deals."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.cli.bench.cards_load import Told, batches_of, send_deals
from services.cli.bench.cards_mesh import CardsMesh, GamePlan
from services.cli.bench.claim_load import People

BATCH = 512
"""Small, so that there is something under way whenever the process dies."""


@dataclass(slots=True)
class CrashResult:
    """What came of it."""

    told: Told = field(default_factory=Told)
    recover_s: list[float] = field(default_factory=list)
    """Start of each fresh process, until it served all shards again."""


async def run_crashes(
    mesh: CardsMesh, plan: GamePlan, people: Sequence[People], keys: int, kills: int, window: int
) -> CrashResult:
    """Asks for more cards than there are; the process dies so many times on the way, as by a power cut."""
    result = CrashResult()
    batches = batches_of(plan.campaign_id, people, range(keys), BATCH)
    total = sum(len(batch.people) for batch in batches)
    dues = [total * (number + 1) // (kills + 1) for number in range(kills)]
    answered = 0
    due = asyncio.Event()

    def progress(items: int) -> None:
        nonlocal answered
        answered += items
        if len(result.recover_s) < kills and answered >= dues[len(result.recover_s)]:
            due.set()

    async def kill() -> None:
        while len(result.recover_s) < kills:
            await due.wait()
            mesh.cards.kill()
            await mesh.start_again()
            due.clear()
            result.recover_s.append(mesh.cards.ready_s)

    async with asyncio.TaskGroup() as group:
        group.create_task(kill())
        await send_deals(mesh.deal_call, batches, window, progress, result.told)
        due.set()  # If the last one is due only now: nothing may wait for ever.
    return result
