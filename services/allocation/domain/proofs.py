"""Proofs: what is public of a closed round, and of one packet, and whether it fits together.

Everything here can be done by anyone, with the published text alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

from services.allocation.domain.draw import Column, draw
from services.allocation.domain.split import split
from services.allocation.domain.values import (
    BEACON_BYTES_MAX,
    BEACON_BYTES_MIN,
    SEED_BYTES,
    BeaconValue,
    DrawRule,
    Packets,
    Seed,
    StockId,
)
from services.mesh.shards.hashing import SHARD_COUNT_MAX

STOCK_ID_BYTES_MAX = 81
PACKETS_MAX = 4_000_000_000
PACKET_FEN_MAX = 1_000_000_000
"""What no round goes beyond, by the contract and the settings' bounds: so no file can ask for more work."""


class Mismatch(Exception):
    """Something that was published is not what seed, beacon and commitment say; the message names it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What fixes all amounts of a round, as it is public once the round is closed."""

    stock_id: StockId
    draw_rule: int
    """Number of the published rule."""
    seed_commitment: bytes
    """SHA-256 of the seed, public since the round was announced."""
    seed: bytes
    beacon: str
    """The announced source of the beacon, in words; empty without one."""
    beacon_value: bytes
    """What the beacon has shown; empty without one."""
    shard_count: int
    packet_count: int
    budget_fen: int
    packet_min_fen: int
    packet_max_fen: int

    @property
    def packets(self) -> Packets:
        """The whole stock."""
        return Packets(self.packet_count, self.budget_fen, self.packet_min_fen, self.packet_max_fen)

    def check(self) -> None:
        """Raises `Mismatch` for what no honest round can have."""
        if len(self.seed) != SEED_BYTES:
            raise Mismatch(f"the seed has {len(self.seed)} bytes, not {SEED_BYTES}")
        if hashlib.sha256(self.seed).digest() != self.seed_commitment:
            raise Mismatch("the revealed seed is not the one that was committed to")
        if self.draw_rule not in tuple(DrawRule):
            raise Mismatch(f"there is no rule {self.draw_rule} of the draw")
        # Without a value the round never opened, and nothing may have been won: see `draw`.
        has_value = BEACON_BYTES_MIN <= len(self.beacon_value) <= BEACON_BYTES_MAX or not self.beacon_value
        if self.draw_rule == DrawRule.SEED_AND_BEACON and not (self.beacon and has_value):
            raise Mismatch("rule 2 of the draw needs an announced beacon and its value of 16 to 64 bytes")
        if self.draw_rule == DrawRule.SEED and (self.beacon or self.beacon_value):
            raise Mismatch("rule 1 of the draw has no beacon")
        self._check_stock()

    def parts(self) -> list[Packets]:
        """How the stock is split over shards. The statement must be a sound one: see `check`."""
        return split(self.packets, self.shard_count)

    def draw(self, shard: int) -> Column:
        """The amounts of one shard's part, recomputed, fen. The statement must be a sound one.

        Raises `Mismatch` for a round whose beacon never came: it has no amounts.
        """
        beacon = BeaconValue(self.beacon_value) if self.draw_rule == DrawRule.SEED_AND_BEACON else None
        if beacon == b"":
            raise Mismatch("nothing can be won without the value of the announced beacon")
        return draw(Seed(self.seed), self.stock_id, shard, self.parts()[shard], beacon)

    def _check_stock(self) -> None:
        if not 1 <= len(self.stock_id.encode()) <= STOCK_ID_BYTES_MAX:
            raise Mismatch("the stock's id is empty or too long")
        if self.packet_count > PACKETS_MAX or self.packet_max_fen > PACKET_FEN_MAX:
            raise Mismatch("there are more packets, or larger ones, than any round may have")
        if self.shard_count > SHARD_COUNT_MAX:
            raise Mismatch(f"{self.shard_count} shards are more than any round may have, {SHARD_COUNT_MAX}")
        if not self.packets.feasible:
            raise Mismatch("the budget cannot be paid out in such packets")
        if not 1 <= self.shard_count <= self.packet_count:
            raise Mismatch(f"{self.packet_count} packets cannot be split over {self.shard_count} shards")


@dataclass(frozen=True, slots=True)
class Proof:
    """What fixes one packet's amount. It names nobody."""

    statement: Statement
    shard: int
    """The shard on which the packet was won."""
    packet_index: int
    """Its place there, in the order of winning."""
    drawn_shard: int
    """The shard whose draw it is of."""
    drawn_index: int
    """Its index there."""
    amount_fen: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of a line `name=value` for each field in order, bytes in hexadecimal digits, as UTF-8."""
        said = [(field.name, getattr(self.statement, field.name)) for field in fields(self.statement)]
        said += [(field.name, getattr(self, field.name)) for field in fields(self)[1:]]
        lines = (f"{name}={value.hex() if isinstance(value, bytes) else value}\n" for name, value in said)
        return hashlib.sha256("".join(lines).encode()).digest()

    def check(self, digest: bytes) -> None:
        """Raises `Mismatch` unless the amount is the drawn one, and nothing was changed since `digest`."""
        self.statement.check()
        parts = self.statement.parts()
        if not 0 <= self.shard < len(parts):
            raise Mismatch(f"the packet was won on shard {self.shard}, of {len(parts)} shards")
        if not 0 <= self.drawn_shard < len(parts):
            raise Mismatch(f"the packet is of the draw of shard {self.drawn_shard}, of {len(parts)} shards")
        if not 0 <= self.drawn_index < parts[self.drawn_shard].count:
            raise Mismatch(f"the draw of shard {self.drawn_shard} has no packet {self.drawn_index}")
        drawn_fen = int(self.statement.draw(self.drawn_shard)[self.drawn_index])
        if drawn_fen != self.amount_fen:
            raise Mismatch(f"the packet is said to be {self.amount_fen} fen, the draw gives {drawn_fen}")
        if not 0 <= self.packet_index < self.statement.packet_count:
            raise Mismatch(f"no shard has a place {self.packet_index}")
        if digest != self.digest:
            raise Mismatch("the digest is of another proof: something in it was changed")
