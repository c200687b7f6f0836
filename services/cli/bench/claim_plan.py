"""Who claims what in a benchmark, laid out before the clock starts, so that every outcome is known before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.allocation.domain.split import split
from services.allocation.domain.values import Packets
from services.cli.bench.claim_load import Batch, People, lanes_of, people_of_shards

ROUND_BUDGET_FEN = 10_000_000_000
ROUND_PACKETS = 60_000_000
PACKET_MIN_FEN = 1
PACKET_MAX_FEN = 880
"""The first round of 2016: 100,000,000 yuan in about 60,000,000 packets of at most 8.80 yuan."""
_BACK_BATCHES = 8
"""How many batches ago those who ask again claimed first, at least: what is decided stays decided."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What a load consists of, of 100 claims. The rest are new people, and all of those win."""

    again: int = 0
    """By people who have won: they are told of the same packet."""
    refused: int = 0
    """In batches of their own, to a stock that is sold out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole load."""

    parts: Sequence[Packets]
    """The stock, by shard: exactly as many packets as there are new people."""
    lanes: Sequence[Sequence[Batch]]
    """For each stream its batches."""
    wins: int
    repeats: int
    refusals: int

    @property
    def claims(self) -> int:
        """All of them."""
        return self.wins + self.repeats + self.refusals

    @property
    def budget_fen(self) -> int:
        """What the stock costs."""
        return sum(part.budget_fen for part in self.parts)


def packets_like_2016(count: int) -> Packets:
    """So many packets in the proportions of the first round of 2016."""
    return Packets(count, ROUND_BUDGET_FEN * count // ROUND_PACKETS, PACKET_MIN_FEN, PACKET_MAX_FEN)


def plan_load(
    packets: int, shards: int, batch_claims: int, streams: int, mix: Mix, stock_id: str, sold_out_id: str
) -> Plan:
    """Lays out a load in which `packets` new people win, and the others of the mix come in between."""
    parts = split(packets_like_2016(packets), shards)
    people = people_of_shards(shards, [part.count for part in parts])
    batch_ids = itertools.count(1)
    by_shard = [
        list(_batches(shard, theirs, batch_claims, mix, (stock_id, sold_out_id), batch_ids))
        for shard, theirs in enumerate(people)
    ]
    batches = [batch for of_shard in by_shard for batch in of_shard]
    claims = sum(len(batch.people) for batch in batches)
    refusals = sum(len(batch.people) for batch in batches if batch.stock_id == sold_out_id)
    return Plan(
        parts=parts,
        lanes=lanes_of(by_shard, streams),
        wins=packets,
        repeats=claims - refusals - packets,
        refusals=refusals,
    )


def _batches(
    shard: int,
    people: People,
    batch_claims: int,
    mix: Mix,
    stock_ids: tuple[str, str],
    batch_ids: Iterator[int],
) -> Iterator[Batch]:
    stock_id, sold_out_id = stock_ids
    # Of the claims to the stock itself.
    again = batch_claims * mix.again // (100 - mix.refused)
    fresh = batch_claims - again
    owed = 0.0
    for number, start in enumerate(range(0, len(people), fresh)):
        claimants = people[start : start + fresh]
        back = (number - _BACK_BATCHES) * fresh
        if again and back >= 0:
            claimants = np.concatenate([claimants, people[back : back + again]])
        yield Batch(next(batch_ids), stock_id, shard, claimants)
        owed += mix.refused / (100 - mix.refused)
        if owed >= 1:
            owed -= 1
            yield Batch(next(batch_ids), sold_out_id, shard, people[start : start + batch_claims])
