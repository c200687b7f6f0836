"""Starts the social service: `python -m services.social`."""

from __future__ import annotations

import contextlib

from hongbao.social.v1.group_pb2_grpc import add_GroupServiceServicer_to_server
from hongbao.social.v1.social_pb2_grpc import add_SocialServiceServicer_to_server
from services.mesh.clock import Clock, SystemClock
from services.mesh.database.database import Database
from services.mesh.logs import start_logging
from services.mesh.member import serve_as_member
from services.mesh.server import MeshServer, Service, run
from services.mesh.settings import load
from services.mesh.telemetry import start_telemetry
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.groups import SqlGroupStore
from services.social.adapters.relations import SqlRelationStore
from services.social.adapters.tables import schema
from services.social.api.groups import GroupApi
from services.social.api.relations import SocialApi
from services.social.domain.friendships import Friendships
from services.social.domain.groups import Groups
from services.social.domain.ports import GroupLimits, Limits
from services.social.settings import SocialSettings


def wire(settings: SocialSettings, database: Database, clock: Clock) -> tuple[Service, ...]:
    """The contract's services on a database."""
    feed = SqlFriendshipFeed(database, clock)
    friendships = Friendships(
        SqlRelationStore(database, feed),
        clock,
        Limits(settings.social_friends_max, settings.social_requests_max, settings.social_blocked_max),
        ask_again_after_ms=1000 * settings.social_ask_again_after_s,
    )
    group_limits = GroupLimits(settings.social_group_members_max, settings.social_groups_max)
    groups = Groups(SqlGroupStore(database), clock, group_limits)
    return (
        Service(
            "hongbao.social.v1.SocialService",
            SocialApi(friendships, feed, settings),
            add_SocialServiceServicer_to_server,
        ),
        Service("hongbao.social.v1.GroupService", GroupApi(groups), add_GroupServiceServicer_to_server),
    )


async def main() -> None:
    """Runs until a signal, then leaves the directory, drains and stops."""
    settings, clock = load(SocialSettings), SystemClock()
    start_logging(settings, "social")
    async with contextlib.AsyncExitStack() as stack:
        telemetry = start_telemetry(settings, "social")
        stack.callback(telemetry.shutdown)
        database = await Database.open(settings, schema)
        stack.push_async_callback(database.close)
        services = wire(settings, database, clock)
        server = MeshServer(settings, "social", services, telemetry=telemetry, clock=clock)
        await serve_as_member(server, settings, clock)


if __name__ == "__main__":
    run(main)
