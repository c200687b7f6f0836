"""Reads the published file of a closed round and recomputes it, line by line. Needs nothing but the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.proofs import Mismatch, Statement
from services.allocation.domain.values import StockId
from services.cli.proofs.audit import Audit, Run
from services.cli.proofs.bounds import PACKETS_MAX_DEFAULT, require_affordable
from services.cli.proofs.published import FORMAT, RUN_PACKETS_MAX, Heading

LINE_BYTES_MAX = 1 << 20
"""Longest line that is read: a table of 3,600 seconds, or 10,000 amounts of 10 digits, fit many times."""


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
    lines = _Lines(file)
    try:
        return _verify(lines, packets_max)
    except Mismatch as mismatch:
        raise Mismatch(f"line {lines.number}: {mismatch}") from None


def _verify(lines: _Lines, packets_max: int) -> Verified:
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


def _heading(lines: _Lines) -> Heading:
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


def _run(line: _Line) -> Run:
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


class _Line:
    """The fields of a line, each of which has to be there, to be read, and to be of its kind."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def number(self, name: str) -> int:
        value = self._take(name)
        if type(value) is not int:
            raise Mismatch(f"{name} is not a whole number")
        return value

    def text(self, name: str) -> str:
        value = self._take(name)
        if not isinstance(value, str):
            raise Mismatch(f"{name} is not a text")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise Mismatch(f"{name} is no text that could be written: half a character is in it")
        return value

    def binary(self, name: str) -> bytes:
        try:
            return bytes.fromhex(self.text(name))
        except ValueError:
            raise Mismatch(f"{name} is not in hexadecimal digits") from None

    def numbers(self, name: str) -> NDArray[np.int64]:
        value = self._take(name)
        try:
            column = np.array(value) if value else np.zeros(0, np.int64)
        except ValueError:  # lists of lists
            column = np.zeros(0, np.float64)
        if not isinstance(value, list) or column.dtype != np.int64 or column.ndim != 1:
            raise Mismatch(f"{name} is not a list of whole numbers")
        return column

    def end(self) -> None:
        """Raises `Mismatch` when there is more than what was read."""
        if self.fields:
            raise Mismatch(f"there is no such thing as {next(iter(self.fields))!r} on this line")

    def _take(self, name: str) -> Any:
        if name not in self.fields:
            raise Mismatch(f"{name} is missing")
        return self.fields.pop(name)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of an object. Raises `Mismatch` for a name that stands twice: who reads it could choose."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Mismatch("a field stands twice on the line")
    return fields


class _Lines(Iterator[_Line]):
    """The lines of a file, and the digest of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.number = 0
        """Of the line that was read last, from 1."""
        self.is_ended = False
        self.digest_before = b""
        """SHA-256 of all lines before that one."""
        self._file = file
        self._sha256 = hashlib.sha256()

    def __next__(self) -> _Line:
        text = self._file.readline(LINE_BYTES_MAX)
        if not text:
            raise StopIteration
        self.number += 1
        self.digest_before = self._sha256.digest()
        self._sha256.update(text)
        if self.is_ended:
            raise Mismatch("there is more after the last line")
        if not text.endswith(b"\n"):
            raise Mismatch(
                "the line is not complete" if len(text) < LINE_BYTES_MAX else "the line is too long"
            )
        try:
            fields = json.loads(text, object_pairs_hook=_each_once)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise Mismatch("the line is not a JSON object")
        return _Line(fields)

    def end(self) -> None:
        """Tells that this was the last line."""
        self.is_ended = True
