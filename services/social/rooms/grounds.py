"""What all rooms of social stand on."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.reach import Reach
from services.social.adapters.changes import Changes
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.people_news import PeopleHandler
from services.social.adapters.remarks import RemarkSeal
from services.social.settings import SocialSettings


@dataclass(frozen=True, slots=True)
class Grounds:
    """Made once for the process; rooms are built on it."""

    settings: SocialSettings
    database: Database
    """Relations and groups: what sharing asks for."""
    clock: Clock
    reach: Reach | None
    """Other services; None where social stands alone, as in some tests."""
    feed: SqlFriendshipFeed
    """Of all that other services follow: one for the process, so that its readers are woken."""
    seal: RemarkSeal
    """Under which people's names for their friends are kept."""
    changes: Changes = field(default_factory=Changes)
    """What has just changed between people and in groups, for rooms that remember it."""
    people_handlers: list[PeopleHandler] = field(default_factory=list)
    """Who hears identity's news of people, in the transaction that moves the cursor: rooms add theirs."""
