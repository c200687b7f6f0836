"""What a file may ask of the machine that verifies it: a few bytes can claim any number of packets."""

from __future__ import annotations

from services.allocation.domain.proofs import PACKETS_MAX, Statement

PACKETS_MAX_DEFAULT = 100_000_000
"""Most packets of a round that are recomputed unless somebody allows more; as many as a round may have unless
the service's settings say otherwise. They take 0.2 GB, or 0.4 GB, and some 30 bytes for each of the largest
shard while that is drawn."""


class NotVerifiable(Exception):
    """The file is none that can be verified; the message says why."""


def require_affordable(statement: Statement, packets_max: int) -> None:
    """Raises `NotVerifiable` for a round that is too large to be recomputed without being asked twice."""
    # What no round may have at all is not said here: the statement itself does not hold then.
    if packets_max < statement.packet_count <= PACKETS_MAX:
        raise NotVerifiable(
            f"it claims {statement.packet_count:,} packets, which would all have to be recomputed; to allow "
            f"more than {packets_max:,}, say --packets-max {statement.packet_count}"
        )
