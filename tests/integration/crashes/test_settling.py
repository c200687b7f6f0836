"""Settlement dies while it posts feeds and pays a pool out; every fen ends where it belongs, once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hongbao.settlement.v1 import events_pb2
from services.cli.bench.settle_plan import ROUNDS, SettlePlan, Sizes, plan_settlement
from services.settlement.domain.state import SettlementState
from tests.integration.crashes.crash_mesh import Nursery, expect_as_written
from tests.integration.crashes.settling_play import FEED, PAYOUT, SettlingPlay

SIZES = Sizes(400, 3, 50, settlement_shards=2, allocation_shards=4, cards_shards=2)


@pytest.fixture(scope="module")
def plan() -> SettlePlan:
    return plan_settlement(SIZES)


@pytest.mark.parametrize("point", FEED)
async def test_settlement_dies_while_it_posts_feeds(
    point: str, nursery: Nursery, tmp_path: Path, plan: SettlePlan
) -> None:
    async with SettlingPlay(nursery, tmp_path, plan).serving() as play:
        await play.fund()
        await play.replace_by_victim(point)
        await play.tell_packets_and_sets()
        await play.until_dead(point)
        await play.until_posted()
        await play.tell_decisions()
        await expect_everything_in_its_place(play, plan, tmp_path)


@pytest.mark.parametrize("point", PAYOUT)
async def test_settlement_dies_while_it_pays_a_pool_out(
    point: str, nursery: Nursery, tmp_path: Path, plan: SettlePlan
) -> None:
    async with SettlingPlay(nursery, tmp_path, plan).serving() as play:
        await play.fund()
        await play.tell_packets_and_sets()
        await play.until_posted()
        await play.replace_by_victim(point)
        await play.tell_decisions()
        await play.until_dead(point)
        await expect_everything_in_its_place(play, plan, tmp_path)


async def expect_everything_in_its_place(play: SettlingPlay, plan: SettlePlan, folder: Path) -> None:
    """The books prove themselves, and everybody has what they won: nobody less, and nobody twice."""
    books = await play.until_posted()
    assert books.sound
    assert books.campaigns[0].settled
    assert books.campaigns[0].packets == plan.packets
    assert books.campaigns[0].prizes == plan.sizes.completers
    await play.kill()
    owed: Counter[int] = Counter()
    for part in plan.parts:
        for number in range(ROUNDS):
            owed.update(dict(zip(part.person_ids.tolist(), part.amounts_fen[number].tolist(), strict=True)))
    for people in plan.completers:
        owed.update(dict.fromkeys(people.tolist(), plan.division.share_fen))
    kept: dict[int, int] = {}
    for shard in range(plan.sizes.settlement_shards):
        kept |= folded(shard, plan.sizes.settlement_shards, folder).ledger.wallets
    assert kept == owed
    expect_as_written(folder, plan.sizes.settlement_shards)


def folded(shard: int, shard_count: int, folder: Path) -> SettlementState:
    """A shard's state as its journal tells it, without any snapshot."""
    state = SettlementState(shard, shard_count)
    for seq, time_ms, payload in records(folder / "settlement" / f"{shard}.db"):
        state.apply(seq, time_ms, events_pb2.SettlementEvent.FromString(payload))
    return state


def records(file: Path) -> Iterator[tuple[int, int, bytes]]:
    with closing(sqlite3.connect(file)) as connection:
        yield from connection.execute("SELECT seq, time_ms, payload FROM records ORDER BY seq")
