"""Reads the published file of a closed round and recomputes it, line by line. Needs nothing but the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from services.allocation.domain.proofs import Mismatch, Statement
from services.allocation.domain.values import StockId
from services.cli.proofs.audit import Audit, Run
from services.cli.proofs.bounds import PACKETS_MAX_DEFAULT, require_affordable
from services.cli.proofs.lines import Line, Lines
from services.cli.proofs.published import FORMAT, RUN_PACKETS_MAX, Heading


@dataclass(frozen=True, slots=True)
class Verified:
    """A published round that holds."""

    heading: Heading
    packets: int
    """Packets that were won; the amount of each was recomputed."""
    packets_moved: int
    """Those that were won on another shard than the one that drew them."""
    won_fen: int
    digest: bytes
    """SHA-256 of all lines but the last: who has the same digest has the same file."""


def verify_published(file: IO[bytes], packets_max: int = PACKETS_MAX_DEFAULT) -> Verified:
    """Recomputes a file. Raises `Mismatch`, which names the line, `NotVerifiable` for one too large."""
    lines = Lines(file)
    try:
        return _verify(lines, packets_max)
    except Mismatch as mismatch:
        raise Mismatch(f"line {lines.number}: {mismatch}") from None


def _verify(lines: Lines, packets_max: int) -> Verified:
    heading = _heading(lines)
    require_affordable(heading.statement, packets_max)
    audit = Audit(heading.statement)
    for line in lines:
        if "amounts_fen" in line.fields:
            audit.add(_run(line))
        elif "shard" in line.fields:
            audit.end_shard(line.number("shard"), line.number("packets_won"), line.number("won_fen"))
        else:
            audit.end(line.number("packets_won"), line.number("won_fen"), line.number("returned_fen"))
            if line.binary("sha256") != lines.digest_before:
                raise Mismatch("the digest is of other lines: something above was changed")
            lines.end()
        line.end()
    if not lines.is_ended:
        raise Mismatch("the file ends before its last line")
    return Verified(heading, audit.packets, audit.packets_moved, audit.won_fen, lines.digest_before)


def _heading(lines: Lines) -> Heading:
    line = next(lines, None)
    if line is None or line.text("format") != FORMAT:
        raise Mismatch(f"the file does not begin as a {FORMAT!r} does")
    heading = Heading(
        statement=Statement(
            stock_id=StockId(line.text("stock_id")),
            draw_rule=line.number("draw_rule"),
            seed_commitment=line.binary("seed_commitment"),
            seed=line.binary("seed"),
            beacon=line.text("beacon"),
            beacon_value=line.binary("beacon_value"),
            shard_count=line.number("shard_count"),
            packet_count=line.number("packet_count"),
            budget_fen=line.number("budget_fen"),
            packet_min_fen=line.number("packet_min_fen"),
            packet_max_fen=line.number("packet_max_fen"),
        ),
        announced_at=line.text("announced_at"),
        opens_at=line.text("opens_at"),
        closes_at=line.text("closes_at"),
        release_curve=line.text("release_curve"),
        release_table_ppm=tuple(line.numbers("release_table_ppm").tolist()),
    )
    line.end()
    return heading


def _run(line: Line) -> Run:
    amounts_fen = line.numbers("amounts_fen")
    if not 0 < len(amounts_fen) <= RUN_PACKETS_MAX:
        raise Mismatch(f"a line has 1 to {RUN_PACKETS_MAX} amounts, not {len(amounts_fen)}")
    return Run(
        shard=line.number("shard"),
        packet_index=line.number("packet_index"),
        drawn_shard=line.number("drawn_shard"),
        drawn_index=line.number("drawn_index"),
        amounts_fen=amounts_fen,
    )
