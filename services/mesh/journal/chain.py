"""The hash chain over a shard's records: whoever alters one of them has to alter every later one, too.

Each record's digest covers the digest before it, so the digest of the last record stands for the whole
journal. Note it down outside (`GetShardBooks` tells it), and no row before it can be altered, taken away or
put in without being found.
"""

from __future__ import annotations

import hashlib
import struct

from services.mesh.journal.port import Record

GENESIS = bytes(32)
"""What stands for the digest before the first record."""
_POSITION = struct.Struct(">QQ")


class Chain:
    """Computes the digests of one shard's records, in order.

    A digest is SHA-256 over: the digest before (32 bytes), `<service>/<shard>` in UTF-8, a zero byte, the
    record's number and its time in milliseconds (8 bytes each, most significant first), and its payload.
    """

    __slots__ = ("_shard_name", "digest", "is_kept", "seq")

    def __init__(self, service: str, shard: int, *, seq: int = 0, digest: bytes = GENESIS) -> None:
        self.seq = seq
        """The last record that the chain includes; 0 for none."""
        self.digest = digest
        """Its digest."""
        self.is_kept = seq > 0
        """Whether records carry their digests by now: those from before there was a chain do not."""
        self._shard_name = f"{service}/{shard}".encode() + b"\0"

    def extended(self, time_ms: int, payload: bytes) -> bytes:
        """Goes on by one record and returns its digest."""
        self.seq += 1
        link = hashlib.sha256(self.digest)
        link.update(self._shard_name)
        link.update(_POSITION.pack(self.seq, time_ms))
        link.update(payload)
        self.digest = link.digest()
        return self.digest

    def follow(self, record: Record) -> bool:
        """Goes on by a record that was read; returns whether its digest is the one that it must have.

        Without one it is as good only as long as no record before had one: the chain goes over the records of
        the first release, too, and the first digest that was kept stands for them.
        """
        expected = self.extended(record.time_ms, record.payload)
        if not record.digest:
            return not self.is_kept
        self.is_kept = True
        return record.digest == expected
