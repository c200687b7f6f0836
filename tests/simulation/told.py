"""What people were told, and may rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.cli.gala.timelines import Said


@dataclass(slots=True)
class Told:
    """Everything that guests were told and may rely on."""

    wins: dict[tuple[str, int], int] = field(default_factory=dict)
    """Amounts by stock and person, fen."""
    gifts: set[str] = field(default_factory=set)
    sets: set[int] = field(default_factory=set)
    friendships: set[frozenset[int]] = field(default_factory=set)
    """Pairs, as they were known when they met."""
    became: dict[int, int] = field(default_factory=dict)
    """Who provisional people turned out to be."""
    envelopes: set[int] = field(default_factory=set)
    """Those that were paid for."""
    shares: dict[tuple[int, int], int] = field(default_factory=dict)
    """Amounts by envelope and person, fen."""
    said: list[Said] = field(default_factory=list)
    """Messages that are kept."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """How taps and refusals ended, by name."""

    def pair(self, people: Iterable[int]) -> frozenset[int]:
        """Two people, by who they are known to be by now; one, when they turned out to be the same."""
        return frozenset(self.became.get(person_id, person_id) for person_id in people)

    def friends_of(self, person_id: int) -> set[int]:
        """Who must be friends of somebody, whoever they have turned out to be."""
        pairs = map(self.pair, self.friendships)
        return {other for pair in pairs if person_id in pair for other in pair - {person_id}}
