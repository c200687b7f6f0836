"""What a file may ask of the machine that verifies it: a few bytes can claim any number of packets."""

from __future__ import annotations

import psutil

from services.allocation.domain.proofs import PACKETS_MAX, Statement

PACKETS_MAX_DEFAULT = 100_000_000
"""Most packets of a round that are recomputed unless somebody allows more; as many as a round may have unless
the service's settings say otherwise."""
_KEPT_BYTES, _DRAWING_BYTES = 4, 30
"""Memory of a packet whose amount is kept, at most, and of one of the shard that is being drawn."""


CARDS_MAX_DEFAULT = 100_000_000
"""Most cards in all decks of a game that are recomputed unless somebody allows more."""


class NotVerifiable(Exception):
    """The file is none that can be verified; the message says why."""


def require_affordable(statement: Statement, packets_max: int) -> None:
    """Raises `NotVerifiable` for more packets than were allowed, or than this machine has memory for."""
    packets = statement.packet_count
    if packets > PACKETS_MAX:
        return  # No round may have so many: the statement does not hold, which is said elsewhere.
    if packets > packets_max:
        raise NotVerifiable(
            f"it claims {packets:,} packets, which would all have to be recomputed; to allow more than "
            f"{packets_max:,}, say --packets-max {packets}"
        )
    needed_bytes = packets * _KEPT_BYTES + packets // max(1, statement.shard_count) * _DRAWING_BYTES
    free_bytes = psutil.virtual_memory().available
    if needed_bytes > free_bytes:
        raise NotVerifiable(
            f"to recompute the {packets:,} packets that it claims takes {needed_bytes >> 20} MiB of memory, "
            f"and {free_bytes >> 20} are free"
        )


class CardsBudget:
    """How many cards may still be recomputed: a line of a few bytes can claim a deck of any size."""

    def __init__(self, cards_max: int) -> None:
        self._cards_max = cards_max
        self._cards = 0

    def take(self, cards: int) -> None:
        """Allows another deck. Raises `NotVerifiable` when there would be too many cards."""
        self._cards += max(0, cards)
        if self._cards > self._cards_max:
            raise NotVerifiable(
                f"its decks have more than {self._cards_max:,} cards, which would all have to be recomputed; "
                "to allow more, say --cards-max"
            )
