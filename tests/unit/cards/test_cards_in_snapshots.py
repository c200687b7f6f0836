"""Snapshots are made by cards, too: a journal of few records may have dealt a million of them."""

from __future__ import annotations

import asyncio

from hongbao.cards.v1 import events_pb2
from services.cards.adapters.state import CardsState, HostedShard
from services.cards.domain.events import CardsDealt, Change
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.vocabulary import Source
from services.cards.settings import CardsSettings
from services.mesh.clock import ManualClock
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.host import ShardHost
from tests.unit.cards.games import OPENS_MS, SPRING, a_part, everything

EVERY_CARDS = 10
TIMEOUT_S = 5.0


async def deal(shard: HostedShard, key: str, cards: int) -> int:
    game = shard.state.game(SPRING)
    people = list(range(1, cards + 1))
    decision = decide_deal(game, Source.TAP, people, [key], OPENS_MS, are_all_own)
    assert decision.deal is not None
    return await shard.commit(Change(CardsDealt((decision.deal,))))


async def test_a_snapshot_is_made_after_so_many_cards_in_however_few_records() -> None:
    settings = CardsSettings(cards_shards=1, settlement_shards=1, allocation_shards=1, shard_threads=0)
    store = MemoryStore(settings)
    host = ShardHost(store, "cards", 1, events_pb2.CardsEvent, CardsState, ManualClock(OPENS_MS), settings)
    await host.take(0, 1)
    held = host.owned(0)
    shard = HostedShard(held, EVERY_CARDS)
    await shard.commit(Change(a_part()))
    await shard.commit(Change(everything()))
    journal = await store.open("cards", 0)
    await deal(shard, "first", EVERY_CARDS - 1)
    assert held.state.cards_unkept == EVERY_CARDS - 1
    seq = await deal(shard, "second", 1)
    async with asyncio.timeout(TIMEOUT_S):
        while (snapshot := await journal.load_snapshot()) is None:  # noqa: ASYNC110 - the journal is asked
            await asyncio.sleep(0)
    assert (snapshot.seq, held.state.cards_unkept) == (seq, 0)
    await deal(shard, "third", EVERY_CARDS - 1)
    again = await journal.load_snapshot()
    assert again is not None
    assert again.seq == seq
    await host.close()
    await store.close()
