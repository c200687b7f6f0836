"""What an audit tells of one shard, and what it was told before."""

from __future__ import annotations

from dataclasses import dataclass

from services.settlement.domain.shard_books import ShardBooks


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is not as it was written. There may be more of the same behind it."""

    shard: int
    seq: int | None
    """The record; None for what concerns no record in particular."""
    what: str
    """In words that go on from the record's name: "is missing"."""

    def __str__(self) -> str:
        record = "" if self.seq is None else f", record {self.seq}"
        return f"shard {self.shard}{record} {self.what}"


@dataclass(frozen=True, slots=True)
class NotedTip:
    """The end of a shard's journal as somebody saw it who is not the journal."""

    shard: int
    seq: int
    digest: bytes
    by: str
    """Who saw it: "the owner", "the tip given"."""
    books: ShardBooks | None = None
    """The books at that moment, where they were told as well."""


@dataclass(frozen=True, slots=True)
class ShardAudit:
    """What one shard's journal came to."""

    shard: int
    records: int = 0
    """Records that are as they were written, from the first on."""
    unchained: int = 0
    """Those of them, all at the beginning, that are from before there was a chain."""
    digest: bytes = b""
    """The digest of the last of them: worth noting down."""
    time_ms: int = 0
    """Its time, milliseconds since the Unix epoch."""
    finding: Finding | None = None
    books: ShardBooks | None = None
    """The books that follow from the records; None when one of them is not as it was written."""
    statements_seq: int | None = None
    """Up to where statements were compared with the journal; None where none are kept."""
