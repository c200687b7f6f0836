"""What identity tells about people, handed to every subject that wants to hear it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from services.mesh.database.database import Database
from services.mesh.feed.consumer import FeedConsumer
from services.mesh.feed.rpc import RpcFeedSource
from services.mesh.room import Room
from services.social.adapters.people_news import (
    PEOPLE_FEED,
    RELATIONS,
    PeopleHandler,
    PeopleSink,
    people_feed,
)
from services.social.rooms.grounds import Grounds


def people(on: Grounds) -> Room:
    """The room that follows identity; built last, when every subject has named its handlers.

    A room names one by `on.people_handlers.append(handler)` while it is built; handlers run in that order.
    Nothing is followed where the service stands alone.
    """
    return Room((), follow_people(on, on.database, RELATIONS, tuple(on.people_handlers)))


def follow_people(
    on: Grounds, database: Database, reader: str, handlers: Sequence[PeopleHandler]
) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    """A task that applies the feed to a database under a cursor of its own, by a name for logs.

    For a subject that keeps its tables elsewhere; `people_cursors` must be among them.
    """
    if on.reach is None:
        return {}
    source = RpcFeedSource(PEOPLE_FEED, people_feed(on.reach, on.settings.social_people_connect_ms / 1000))
    sink = PeopleSink(
        database, reader, handlers, batch_records=on.settings.social_people_records_per_commit_max
    )
    consumer = FeedConsumer(source, sink, on.clock, on.settings)
    return {f"people-{reader}": consumer.run}
