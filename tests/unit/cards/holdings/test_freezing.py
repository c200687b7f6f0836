"""Snapshots that are written out while the shard goes on."""

from __future__ import annotations

from services.cards.adapters.records import to_record
from services.cards.adapters.state import CardsState
from services.cards.domain.events import CardsDealt, Change, Deal
from services.cards.domain.supply.dealing import are_all_own, decide_deal
from services.cards.domain.vocabulary import Source
from services.mesh.shards.state import FreezableState
from tests.unit.cards.games import OPENS_MS, SPRING, a_part, everything


class Shard:
    """One that deals to everybody."""

    def __init__(self) -> None:
        self.state = CardsState(0)
        self.seq = 0
        self.commit(Change(a_part()))
        self.commit(Change(everything()))

    def commit(self, change: Change) -> None:
        self.seq += 1
        self.state.apply(self.seq, OPENS_MS + self.seq, to_record(change))

    def deal(self, key: str, people: range) -> Deal:
        game = self.state.cards.game(SPRING)
        decision = decide_deal(game, Source.TAP, people, [key], OPENS_MS, are_all_own)
        assert decision.deal is not None
        self.commit(Change(CardsDealt((decision.deal,))))
        return decision.deal


def test_a_snapshot_that_is_written_late_is_of_the_moment_it_was_frozen() -> None:
    shard = Shard()
    shard.deal("round-1", range(1, 300))
    assert isinstance(shard.state, FreezableState)
    at_once, later = shard.state.snapshot(), shard.state.freeze()
    shard.deal("round-2", range(100, 500))
    assert later() == at_once
    assert shard.state.snapshot() != at_once


def test_a_restored_shard_goes_on_as_the_one_that_it_was_made_of() -> None:
    shard, restored = Shard(), Shard()
    shard.deal("round-1", range(1, 300))
    restored.state.restore(shard.state.snapshot())
    restored.seq = shard.seq
    for each in (shard, restored):
        again = decide_deal(
            each.state.cards.game(SPRING), Source.TAP, range(1, 300), ["round-1"], OPENS_MS, are_all_own
        )
        assert again.deal is None
        each.deal("round-2", range(200, 400))
    assert restored.state.snapshot() == shard.state.snapshot()
