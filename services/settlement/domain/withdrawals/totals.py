"""What a shard's withdrawals come to, beside what the bank says it has paid: for the books."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.settlement.v1 import settlement_pb2 as pb
from services.mesh.timestamps import milliseconds, timestamp

CONTRADICTED_MAX = 100
"""The most that are listed: one is too many, and a thousand tell no more than a hundred."""


@dataclass(frozen=True, slots=True)
class WithdrawalTotal:
    """Sums over the withdrawals of one shard."""

    open: int = 0
    """Requested, submitted or unknown."""
    open_fen: int = 0
    unknown: int = 0
    oldest_ms: int = 0
    """When the oldest open one was asked for, milliseconds since the Unix epoch; 0 when none is open."""
    contradicted_ids: tuple[int, ...] = ()
    """Those that the bank contradicts."""
    withdrawn_fen: int = 0
    """Posted."""
    paid_fen: int | None = None
    """What the bank says it has paid; None when nobody could ask it."""

    @property
    def paid_explained_fen(self) -> int:
        """What the bank may have paid: all that was posted, and of what is open as much as fits, fen."""
        if self.paid_fen is None:
            return self.withdrawn_fen
        return self.withdrawn_fen + min(max(0, self.paid_fen - self.withdrawn_fen), self.open_fen)


def read_withdrawals(message: pb.WithdrawalBooks) -> WithdrawalTotal:
    """The total that a message carries."""
    return WithdrawalTotal(
        message.open,
        message.open_fen,
        message.unknown,
        milliseconds(message.oldest_requested_at),
        tuple(message.contradicted_ids),
        message.withdrawn_fen,
        message.paid_fen if message.HasField("paid_fen") else None,
    )


def write_withdrawals(total: WithdrawalTotal) -> pb.WithdrawalBooks:
    """The message that carries a total."""
    oldest: Timestamp | None = timestamp(total.oldest_ms) if total.oldest_ms else None
    return pb.WithdrawalBooks(
        open=total.open,
        open_fen=total.open_fen,
        unknown=total.unknown,
        oldest_requested_at=oldest,
        contradicted_ids=total.contradicted_ids,
        withdrawn_fen=total.withdrawn_fen,
        paid_fen=total.paid_fen,
    )
