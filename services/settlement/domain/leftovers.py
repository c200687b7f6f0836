"""What moved between the parts of a round: packets that nobody had won, and their money.

Packets that a part received are paid out of its escrow as soon as its feed says so. Their money comes with
the feed of the part that sent them, which may be read later. So what is announced is kept beside what has
arrived: as long as the first is more, a shortage is money that is on its way, and no contradiction.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Leftovers:
    """Of one part's escrow."""

    announced_fen: int = 0
    """What the part said that it received."""
    arrived_fen: int = 0
    """What has come for it."""
    sent_fen: int = 0
    """What it has sent to others."""

    @property
    def awaited_fen(self) -> int:
        """What is still on its way. Money that came before it was announced is not counted against it."""
        return max(0, self.announced_fen - self.arrived_fen)
