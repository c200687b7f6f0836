"""What has just changed in this process, for whoever remembers how it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from services.social.domain.group import GroupId
from services.social.domain.relation import Pair


@dataclass(frozen=True, slots=True)
class Changes:
    """Told on the event loop once a change is durable; whoever hears it must not raise."""

    pair_hearers: list[Callable[[Pair], None]] = field(default_factory=list)
    group_hearers: list[Callable[[GroupId], None]] = field(default_factory=list)

    def pair(self, pair: Pair) -> None:
        """Something has changed between two people."""
        for hear in self.pair_hearers:
            hear(pair)

    def group(self, group_id: GroupId) -> None:
        """Something has changed in a group."""
        for hear in self.group_hearers:
            hear(group_id)
