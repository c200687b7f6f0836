from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hongbao.allocation.v1 import events_pb2
from services.allocation.api.claim_rounds import ClaimRounds
from services.allocation.api.held import AllocationHost, AllocationShard
from services.allocation.domain import records
from services.allocation.domain.decision import ClaimOutcome, Outcomes
from services.allocation.domain.state import AllocationState
from services.allocation.domain.stock import Stock
from services.allocation.domain.values import Packets, ReleaseCurve
from services.allocation.settings import AllocationSettings
from services.mesh.clock import ManualClock
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import Record
from services.mesh.shards.host import ShardHost, ShardLost, ShardNotOwned, ShardOverloaded
from services.mesh.wakeup import Wakeup
from tests.unit.allocation.terms import CLOSES_MS, OPENS_MS, people_of, stock_terms

SHARD = 1
SHARDS = 4
OURS = people_of(SHARD, SHARDS, 60)
ANYONE = [0, -3, people_of(2, SHARDS, 1)[0], *OURS[:12]]
COMMIT_S = 0.01
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WON, ALREADY_WON = ClaimOutcome.WON, ClaimOutcome.ALREADY_WON


@dataclass(slots=True)
class Desk:
    """A shard with one part of a stock, whose disk takes `COMMIT_S` for a commit."""

    host: AllocationHost
    clock: ManualClock
    rounds: ClaimRounds
    shard: AllocationShard
    stock: Stock
    first_seq: int
    asked: list[asyncio.Task[Outcomes]] = field(default_factory=list)

    def claim(self, people: Sequence[int], trace_context: str = "") -> asyncio.Task[Outcomes]:
        column = np.array(people, np.int64)
        deciding = self.rounds.decide(self.shard, self.stock, column, trace_context)
        self.asked.append(asyncio.create_task(deciding))
        return self.asked[-1]

    async def turn(self) -> None:
        """Lets everything run that waits for no time to pass."""
        await self.clock.advance(0)

    async def rest(self) -> None:
        """Lets time pass until everyone is answered."""
        await passing(self.clock, asyncio.gather(*self.asked, return_exceptions=True))

    async def wins(self) -> list[Record]:
        return await self.shard.read(self.first_seq, 1_000)


async def passing(clock: ManualClock, awaited: Awaitable[object]) -> None:
    """Lets time pass, within reason, until this is done."""
    waiting = asyncio.ensure_future(awaited)
    for _ in range(100):
        await clock.advance(0)
        if waiting.done():
            break
        await clock.advance(COMMIT_S)
    assert waiting.done()
    await waiting


@asynccontextmanager
async def desk(
    packets: int = 50, curve: ReleaseCurve = ReleaseCurve.IMMEDIATE, now_ms: int = OPENS_MS, **values: Any
) -> AsyncIterator[Desk]:
    options = AllocationSettings(instance="a", allocation_shards=SHARDS, **values)
    clock = ManualClock(OPENS_MS - 1_000)
    store = MemoryStore(options, clock, latency_s=COMMIT_S)
    host: AllocationHost = ShardHost(
        store,
        "allocation",
        SHARDS,
        events_pb2.AllocationEvent,
        lambda shard: AllocationState(shard, SHARDS),
        clock,
        options,
    )
    await host.take(SHARD, 1)
    shard = host.owned(SHARD)
    terms = stock_terms(Packets(packets, 100 * packets, 1, 500), shard=SHARD, curve=curve)
    durable = shard.commit(events_pb2.AllocationEvent(stock_prepared=records.stock_prepared(terms)))
    await passing(clock, durable)
    await clock.advance((now_ms - clock.now_ms()) / 1000)
    rounds = ClaimRounds(host, Wakeup(), clock, options)
    made = Desk(host, clock, rounds, shard, shard.state.stock(terms.stock_id), shard.durable_seq)
    try:
        yield made
    finally:
        await passing(clock, host.close())
        await asyncio.gather(*made.asked, return_exceptions=True)


def told(task: asyncio.Task[Outcomes]) -> list[ClaimOutcome]:
    return [ClaimOutcome(number) for number in task.result().outcomes.tolist()]


async def test_a_lone_batch_waits_for_nothing_and_what_comes_meanwhile_is_one_record() -> None:
    async with desk() as at:
        first = at.claim(OURS[:2])
        await at.turn()
        assert len(at.stock.people(0, 9)) == 2, "decided, before any time has passed"
        others = [at.claim(OURS[2:5]), at.claim([OURS[4], OURS[5]]), at.claim(OURS[6:9])]
        await at.turn()
        assert len(at.stock.people(0, 9)) == 2
        await at.rest()
        assert told(first) == [WON] * 2
        assert [told(task) for task in others] == [[WON] * 3, [ALREADY_WON, WON], [WON] * 3]
        assert others[1].result().packet_indexes.tolist() == [4, 5]
        people = [
            list(events_pb2.AllocationEvent.FromString(record.payload).packets_won.person_ids)
            for record in await at.wins()
        ]
        assert people == [OURS[:2], OURS[2:9]]


async def test_nobody_is_told_before_the_record_is_durable() -> None:
    async with desk() as at:
        first, again = at.claim(OURS[:2]), at.claim(OURS[:2])
        await at.turn()
        await at.clock.advance(COMMIT_S / 2)
        assert not first.done()
        assert not again.done()
        await at.rest()
        assert [told(first), told(again)] == [[WON] * 2, [ALREADY_WON] * 2]


async def test_as_much_as_fits_a_batch_does_not_wait_for_a_commit() -> None:
    async with desk(batch_claims_max=4) as at:
        at.claim(OURS[:1])
        await at.turn()
        at.claim(OURS[1:4])
        await at.turn()
        assert at.stock.totals.packets_won == 1
        at.claim(OURS[4:6])
        at.claim(OURS[6:7])
        await at.turn()
        assert at.stock.totals.packets_won == 7
        await at.rest()
        # Batches stay whole: three and two would be more than four.
        assert [record.seq - at.first_seq for record in await at.wins()] == [1, 2, 3]


async def test_what_is_on_record_of_a_sampled_batch_is_of_its_trace() -> None:
    async with desk() as at:
        at.claim(OURS[:1])
        await at.turn()
        for place, trace in enumerate(["", TRACE, "", OTHER_TRACE, ""], start=1):
            at.claim(OURS[place : place + 1], trace)
        await at.rest()
        contexts = [(record.trace_context, record.seq - at.first_seq) for record in await at.wins()]
        assert contexts == [("", 1), (TRACE, 2), (OTHER_TRACE, 3)]


async def test_claims_are_judged_by_the_time_of_the_decision() -> None:
    async with desk() as at:
        await at.clock.advance((CLOSES_MS - at.clock.now_ms() - 15) / 1000)
        in_time = at.claim(OURS[:1])
        await at.turn()
        waited = at.claim(OURS[:2])
        await at.turn()
        await at.clock.advance(0.011)
        # 5 ms before the end the second one was decided; when that is durable, it is too late.
        late = at.claim(OURS[:3])
        await at.turn()
        assert at.clock.now_ms() < CLOSES_MS
        await at.rest()
        assert [told(in_time), told(waited)] == [[WON], [ALREADY_WON, WON]]
        assert told(late) == [ALREADY_WON, ALREADY_WON, ClaimOutcome.CLOSED]


async def test_a_shard_that_is_given_away_decides_nothing_of_what_waited() -> None:
    async with desk() as at:
        first = at.claim(OURS[:1])
        await at.turn()
        waiting = at.claim(OURS[1:2])
        await passing(at.clock, at.host.give(SHARD))
        await at.rest()
        assert told(first) == [WON]
        with pytest.raises(ShardNotOwned):
            waiting.result()
        assert at.stock.totals.packets_won == 1


async def test_a_lost_shard_acknowledges_nothing() -> None:
    async with desk() as at:
        first = at.claim(OURS[:1])
        await at.turn()
        waiting = at.claim(OURS[1:2])
        await passing(at.clock, at.host.lose(SHARD))
        await at.rest()
        for task in (first, waiting):
            with pytest.raises((ShardLost, ShardNotOwned)):
                task.result()


async def test_a_round_that_finds_no_room_is_refused_as_a_whole_and_alone() -> None:
    async with desk(shard_undurable_records_max=1) as at:
        first = at.claim(OURS[:1])
        await at.turn()
        refused = [at.claim(OURS[1:2], TRACE), at.claim(OURS[2:3], OTHER_TRACE)]
        await at.rest()
        assert told(first) == [WON]
        assert told(refused[0]) == [WON]
        with pytest.raises(ShardOverloaded):
            refused[1].result()
        assert at.stock.totals.packets_won == 2


async def test_who_gave_up_before_the_decision_wins_nothing_and_keeps_nobody_waiting() -> None:
    async with desk() as at:
        at.claim(OURS[:1])
        await at.turn()
        gone, here = at.claim(OURS[1:2]), at.claim(OURS[2:3])
        await at.turn()
        gone.cancel()
        await at.rest()
        assert told(here) == [WON]
        assert at.stock.people(0, 9).tolist() == [OURS[0], OURS[2]]


BATCHES = st.lists(st.lists(st.sampled_from(ANYONE), min_size=1, max_size=6), min_size=1, max_size=8)


@given(
    batches=BATCHES,
    packets=st.integers(1, 16),
    curve=st.sampled_from(ReleaseCurve),
    now_ms=st.sampled_from([OPENS_MS - 1, OPENS_MS, OPENS_MS + 20_000, CLOSES_MS - 1, CLOSES_MS]),
    leftovers=st.booleans(),
    claims_max=st.sampled_from([6, 9, 4_096]),
)
@settings(max_examples=60, deadline=None)
def test_batches_decided_together_are_answered_as_if_one_by_one(
    batches: list[list[int]],
    packets: int,
    curve: ReleaseCurve,
    now_ms: int,
    leftovers: bool,  # noqa: FBT001 - Hypothesis draws it
    claims_max: int,
) -> None:
    async def decided_together() -> None:
        async with desk(packets, curve, now_ms, batch_claims_max=claims_max) as at:
            alone = Stock(at.stock.terms, SHARDS)
            alone.leftovers_may_come = at.stock.leftovers_may_come = leftovers
            for people in batches:
                at.claim(people)
            await at.turn()
            assert at.clock.now_ms() == now_ms
            expected = []
            for people in batches:
                decision = alone.decide(np.array(people, np.int64), now_ms)
                if len(decision.winners):
                    alone.add(decision.first_packet_index, decision.winners, decision.winners_fen)
                expected.append(decision.told(0, len(people)))
            await at.rest()
            for task, wanted in zip(at.asked, expected, strict=True):
                for column in ("outcomes", "packet_indexes", "amounts_fen"):
                    assert getattr(task.result(), column).tolist() == getattr(wanted, column).tolist()
            assert at.stock.totals == alone.totals
            assert at.stock.ran_dry_ms == alone.ran_dry_ms

    asyncio.run(decided_together())
