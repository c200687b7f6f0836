"""What the gateway knows about each round, shard by shard, and what it can answer from that."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class Phase(enum.Enum):
    """Where a shard's part of a stock stands, by its owner's clock."""

    SCHEDULED = enum.auto()
    OPEN = enum.auto()
    SOLD_OUT = enum.auto()
    CLOSED = enum.auto()


class Verdict(enum.Enum):
    """What is to be done with a tap."""

    # As for outcomes: enum's own hash is Python.
    __hash__ = object.__hash__

    ALREADY_WON = enum.auto()
    MISS = enum.auto()
    SOLD_OUT = enum.auto()
    NOT_OPEN = enum.auto()
    CLOSED = enum.auto()
    CLAIM = enum.auto()
    """Only the owner of the shard can say."""


@dataclass(slots=True)
class Part:
    """A shard's part of a stock, as last heard of. Changes in place: it is looked at for every tap."""

    phase: Phase
    closes_at_ms: int
    """Milliseconds since the Unix epoch; a tap at this instant is too late."""
    tokens: int
    """Claims that may still be sent before the next picture: packets released and not yet won."""


@dataclass(frozen=True, slots=True)
class PartPicture:
    """What an owner says about one part."""

    stock_id: str
    shard: int
    phase: Phase
    closes_at_ms: int
    tokens: int


def decide(part: Part | None, now_ms: int, *, has_won: bool) -> Verdict:
    """Judges a tap by what is known here. A verdict of CLAIM costs the part one token: see `Part.tokens`.

    A packet already won comes first: asking again returns the same packet, also after the round. A part that
    nobody speaks of at the moment, because its shard changes hands, has no packets to give just now.
    """
    if has_won:
        return Verdict.ALREADY_WON
    if part is None:
        return Verdict.MISS
    if part.phase is Phase.CLOSED or now_ms >= part.closes_at_ms:
        return Verdict.CLOSED
    if part.phase is Phase.SOLD_OUT:
        return Verdict.SOLD_OUT
    if part.phase is Phase.SCHEDULED:
        return Verdict.NOT_OPEN
    return Verdict.CLAIM if part.tokens > 0 else Verdict.MISS


class RoundBoard:
    """The parts of all stocks that owners speak of. Bounded by what their settings let them keep."""

    def __init__(self, shard_count: int) -> None:
        self._shard_count = shard_count
        self._stocks: dict[str, list[Part | None]] = {}
        self._heard: set[int] = set()

    def parts(self, stock_id: str) -> Sequence[Part | None] | None:
        """A stock's parts by shard; None when no owner speaks of it."""
        return self._stocks.get(stock_id)

    def replace(self, shards: Iterable[int], pictures: Iterable[PartPicture]) -> None:
        """Takes over an owner's whole picture of its shards; other shards stay as they were.

        What a lost owner said last stays until the next owner speaks: its tokens run out, and nothing more.
        """
        spoken_for = [shard for shard in shards if 0 <= shard < self._shard_count]
        self._heard.update(spoken_for)
        found: dict[str, dict[int, Part]] = {}
        for picture in pictures:
            part = Part(picture.phase, picture.closes_at_ms, picture.tokens)
            found.setdefault(picture.stock_id, {})[picture.shard] = part
        for stock_id in found.keys() - self._stocks.keys():
            self._stocks[stock_id] = [None] * self._shard_count
        for stock_id, parts in list(self._stocks.items()):
            spoken = found.get(stock_id, {})
            for shard in spoken_for:
                parts[shard] = spoken.get(shard)
            if not any(parts):
                del self._stocks[stock_id]

    def has_heard_of_all(self) -> bool:
        """Whether every shard has been spoken for at least once."""
        return len(self._heard) == self._shard_count
