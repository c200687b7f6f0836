"""Small closed rounds, published, for tests that change them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import numpy as np

from services.allocation.domain.proofs import Proof, Statement
from services.allocation.domain.values import StockId
from services.cli.proofs.audit import Run
from services.cli.proofs.published import Heading, Outcome, PublishedFile

SEED = bytes(range(32))
DRAND = "drand quicknet 1234567"
BEACON = bytes(range(60, 92))


def statement(*, beacon: str = "", packet_count: int = 40, shard_count: int = 2) -> Statement:
    """Two shards of 20 packets, 1.67 yuan each on average."""
    return Statement(
        stock_id=StockId("spring.round-1"),
        draw_rule=2 if beacon else 1,
        seed_commitment=hashlib.sha256(SEED).digest(),
        seed=SEED,
        beacon=beacon,
        beacon_value=BEACON if beacon else b"",
        shard_count=shard_count,
        packet_count=packet_count,
        budget_fen=packet_count * 167,
        packet_min_fen=1,
        packet_max_fen=880,
    )


def heading(said: Statement) -> Heading:
    return Heading(
        statement=said,
        announced_at="2016-02-07T11:00:00Z",
        opens_at="2016-02-07T12:00:00Z",
        closes_at="2016-02-07T12:05:00Z",
        release_curve="RELEASE_CURVE_LINEAR",
        release_table_ppm=(),
    )


def run(
    said: Statement, shard: int, packet_index: int, drawn_shard: int, drawn_index: int, count: int
) -> Run:
    """Packets with the amounts that they were drawn with."""
    drawn = said.draw(drawn_shard)[drawn_index : drawn_index + count].astype(np.int64)
    return Run(shard, packet_index, drawn_shard, drawn_index, drawn)


def three_runs(said: Statement) -> list[Run]:
    """Shard 0 won its first 15 packets and the last 3 of shard 1, which won 7."""
    return [run(said, 0, 0, 0, 0, 15), run(said, 0, 15, 1, 17, 3), run(said, 1, 0, 1, 0, 7)]


def published(said: Statement, runs: Sequence[Run]) -> bytes:
    """The file of a round in which this was won."""
    text = io.BytesIO()
    file = PublishedFile(text, heading(said))
    packets = won_fen = 0
    for shard in range(said.shard_count):
        of_shard = [won for won in runs if won.shard == shard]
        for won in of_shard:
            file.packets(won)
        packets_of_shard = sum(len(won.amounts_fen) for won in of_shard)
        won_fen_of_shard = sum(int(won.amounts_fen.sum()) for won in of_shard)
        file.end_shard(shard, packets_of_shard, won_fen_of_shard)
        packets += packets_of_shard
        won_fen += won_fen_of_shard
    file.end(Outcome(packets, won_fen, said.budget_fen - won_fen))
    return text.getvalue()


def a_proof(*, beacon: str = "") -> Proof:
    said = statement(beacon=beacon)
    return Proof(said, 0, 16, 1, 18, int(said.draw(1)[18]))
