"""The published file of a closed round: everything that anyone needs to check its draw, and nobody's name.

The README beside this file describes the format. It is written line by line, however many packets there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from services.allocation.domain.proofs import Statement
from services.cli.proofs.audit import Run
from services.cli.proofs.lines import WrittenLines

FORMAT = "hongbao round 1"
RUN_PACKETS_MAX = 10_000
"""Most packets on a line."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands on the first line: the round as it was announced, and as it was opened to all."""

    statement: Statement
    announced_at: str
    """When the commitment became public; times are in UTC as RFC 3339 has it."""
    opens_at: str
    closes_at: str
    release_curve: str
    """Name of the curve in the contract."""
    release_table_ppm: tuple[int, ...]
    """The table of such a curve; empty for others."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stands on the last line."""

    packets_won: int
    won_fen: int
    returned_fen: int


class PublishedFile:
    """Writes a file, line by line: the heading, each shard's packets, then its sums, and the outcome."""

    def __init__(self, file: IO[bytes], heading: Heading) -> None:
        self._lines = WrittenLines(file)
        said = heading.statement
        self._lines.write(
            {
                "format": FORMAT,
                "stock_id": said.stock_id,
                "draw_rule": said.draw_rule,
                "seed_commitment": said.seed_commitment.hex(),
                "seed": said.seed.hex(),
                "beacon": said.beacon,
                "beacon_value": said.beacon_value.hex(),
                "shard_count": said.shard_count,
                "packet_count": said.packet_count,
                "budget_fen": said.budget_fen,
                "packet_min_fen": said.packet_min_fen,
                "packet_max_fen": said.packet_max_fen,
                "announced_at": heading.announced_at,
                "opens_at": heading.opens_at,
                "closes_at": heading.closes_at,
                "release_curve": heading.release_curve,
                "release_table_ppm": list(heading.release_table_ppm),
            }
        )

    def packets(self, run: Run) -> None:
        """Writes packets, as many lines as it takes."""
        for start in range(0, len(run.amounts_fen), RUN_PACKETS_MAX):
            self._lines.write(
                {
                    "shard": run.shard,
                    "packet_index": run.packet_index + start,
                    "drawn_shard": run.drawn_shard,
                    "drawn_index": run.drawn_index + start,
                    "amounts_fen": run.amounts_fen[start : start + RUN_PACKETS_MAX].tolist(),
                }
            )

    def end_shard(self, shard: int, packets_won: int, won_fen: int) -> None:
        """Writes a shard's sums."""
        self._lines.write({"shard": shard, "packets_won": packets_won, "won_fen": won_fen})

    def end(self, outcome: Outcome) -> bytes:
        """Writes the last line; returns the digest of all others, which stands on it."""
        digest = self._lines.digest
        self._lines.write(
            {
                "packets_won": outcome.packets_won,
                "won_fen": outcome.won_fen,
                "returned_fen": outcome.returned_fen,
                "sha256": digest.hex(),
            }
        )
        return digest
