"""What one person may take of what is there for everybody, besides taps."""

from __future__ import annotations

from dataclasses import dataclass

from services.gateway.domain.inboxes import Inboxes
from services.gateway.domain.pace import LanePace


@dataclass(frozen=True, slots=True)
class PersonLimits:
    """One for each lane that a single person could fill."""

    chat: LanePace
    sharing: LanePace
    inboxes: Inboxes
