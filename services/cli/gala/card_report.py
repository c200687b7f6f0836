"""What became of the cards of an evening: every one is accounted for, and every draw recomputed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One of the five cards when the game was over."""

    card: str
    issue_limit: int
    issued: int
    """By the record of the game."""
    held: int
    """By what the shards say is in hands."""
    spent: int
    """Likewise, in sets."""
    shown: int
    """In the hands that people were shown, one by one."""
    unseen: int
    """Of second accounts whose cards nobody saw in the hand of the first one before the deadline."""

    @property
    def difference(self) -> int:
        """Cards that are missing, or too many, in one way of counting or the other."""
        beyond_limit = max(0, self.issued - self.issue_limit)
        hidden = self.held - self.shown
        unshown = 0 if 0 <= hidden <= self.unseen else abs(hidden)
        return abs(self.issued - self.held - self.spent) + unshown + beyond_limit


@dataclass(frozen=True, slots=True)
class CardFigures:
    """The card game of an evening."""

    kinds: Sequence[KindFigures]
    dealt_for_taps: int
    dealt_for_shares: int
    dealt_for_invitations: int
    offers_accepted: int
    offers_declined: int
    offers_taken_back: int
    asks_answered: int
    asks_declined: int
    asks_taken_back: int
    left: int
    """Gifts that nobody accepted, because friends had parted or nobody answered."""
    came_home: int
    """Of them, those that are home again."""
    moved: int
    """Cards of second accounts when these turned out to be of one person."""
    moved_arrived: int
    """Of them, those that were seen in the hand of the first account."""
    sets_decided: int
    """Sets that share the pool, by the decision."""
    verified: int
    """Draws that were recomputed from the revealed seed."""
    complaint: str
    """The first thing about the draw or the shares that is not as it was committed to; empty when all is."""

    @property
    def dealt_to_friends(self) -> int:
        """Everything else that was dealt."""
        others = self.dealt_for_taps + self.dealt_for_shares + self.dealt_for_invitations
        return sum(kind.issued for kind in self.kinds) - others

    @property
    def difference(self) -> int:
        """Cards and sets that are not where they should be; 0 when issued = held + spent for every kind."""
        sets = sum(abs(kind.spent - self.sets_decided) for kind in self.kinds)
        return sets + abs(self.left - self.came_home) + sum(kind.difference for kind in self.kinds)

    @property
    def holds(self) -> bool:
        """Whether every card is accounted for and was drawn as committed."""
        all_verified = self.verified == sum(kind.issued for kind in self.kinds)
        return not self.difference and not self.complaint and all_verified
