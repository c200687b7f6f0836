"""Relations between people, and their feed."""

from __future__ import annotations

from hongbao.social.v1.social_pb2_grpc import add_SocialServiceServicer_to_server
from services.mesh.room import Room
from services.mesh.server import Service
from services.social.adapters.people_moving import PeopleKeeper, PeopleMover
from services.social.adapters.relations import SqlRelationStore
from services.social.api.relations import SocialApi
from services.social.domain.friendships import Friendships
from services.social.domain.ports import Limits
from services.social.rooms.grounds import Grounds


def relations(on: Grounds) -> Room:
    """The room of relations."""
    settings = on.settings
    mover = PeopleMover(on.database, on.feed, on.clock, on.seal)
    on.people_handlers.append(mover.take)
    keeper = PeopleKeeper(
        mover,
        on.clock,
        look_ms=settings.social_merges_look_ms,
        recent_ms=1000 * settings.social_merges_recent_s,
        merges_max=settings.social_merges_look_max,
    )
    friendships = Friendships(
        SqlRelationStore(on.database, on.feed, on.seal, on.changes),
        on.clock,
        Limits(settings.social_friends_max, settings.social_requests_max, settings.social_blocked_max),
        ask_again_after_ms=1000 * settings.social_ask_again_after_s,
    )
    api = SocialApi(friendships, on.feed, settings)
    return Room(
        (Service("hongbao.social.v1.SocialService", api, add_SocialServiceServicer_to_server),),
        {"merges": keeper.run},
    )
