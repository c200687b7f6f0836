"""What all acts of an evening share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.cli.gala.apps.all import Apps
from services.cli.gala.attachments import SentAlong
from services.cli.gala.banking import Banking
from services.cli.gala.evening import Evening
from services.cli.gala.office import Office
from services.cli.gala.people import Player
from services.cli.gala.players import Phones
from services.cli.gala.progress import Progress
from services.cli.gala.sharing import Sharing
from services.cli.gala.trading import Trading
from services.cli.operator import Operator

AT_ONCE = 64
"""How many people act at the same moment: enough to keep two cores busy."""


@dataclass(slots=True)
class Stage:
    """The evening, its people, and the ways to reach the mesh."""

    evening: Evening
    players: Sequence[Player]
    operator: Operator
    phones: Phones
    sharing: Sharing
    banking: Banking
    trading: Trading
    apps: Apps
    office: Office
    settlement_shards: int
    progress: Progress
    friends: dict[int, list[Player]] = field(default_factory=dict)
    """The friends of each player, by the player's number."""
    sent_along: SentAlong = field(default_factory=SentAlong)
    """What people told each other of in messages."""
    sampled_wins: list[str] = field(default_factory=list)
    """Trace ids of recorded taps that won."""
