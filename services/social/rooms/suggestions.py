"""People around somebody."""

from __future__ import annotations

from hongbao.social.v1.suggestion_pb2_grpc import add_SuggestionServiceServicer_to_server
from services.mesh.room import Room
from services.mesh.server import Service
from services.social.adapters.neighbours import SqlNeighbourStore
from services.social.api.suggestions import SuggestionApi
from services.social.domain.suggestions import SuggestionLimits, Suggestions
from services.social.rooms.grounds import Grounds


def suggestions(on: Grounds) -> Room:
    """The room of suggestions and of friends in common."""
    settings = on.settings
    limits = SuggestionLimits(
        friends_max=settings.social_suggestion_friends_max,
        theirs_max=settings.social_suggestion_theirs_max,
        ask_again_after_ms=1000 * settings.social_ask_again_after_s,
    )
    store = SqlNeighbourStore(on.database, friends_max=settings.social_friends_max)
    api = SuggestionApi(Suggestions(store, on.clock, limits))
    return Room(
        (Service("hongbao.social.v1.SuggestionService", api, add_SuggestionServiceServicer_to_server),)
    )
