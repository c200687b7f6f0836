"""Circles, on the database of messages."""

from __future__ import annotations

from hongbao.social.v1.circle_pb2_grpc import add_CircleServiceServicer_to_server
from services.mesh.room import Room
from services.mesh.server import Service
from services.social.adapters.chat.foundation import Chat
from services.social.adapters.circles.conduct import ConductReporter
from services.social.adapters.circles.news import hear
from services.social.adapters.circles.reports import SqlReportStore
from services.social.adapters.circles.scores import IdentityScores, NoScores
from services.social.adapters.circles.store import SqlCircleStore
from services.social.api.circles import CircleApi
from services.social.domain.circles.circles import Circles, Moderation
from services.social.domain.circles.ports import CircleLimits, Scores
from services.social.rooms.grounds import Grounds
from services.social.rooms.people import follow_people


def circles(on: Grounds, chat: Chat, scores: Scores | None = None) -> Room:
    """The room of circles. `scores` are identity's, but in tests."""
    settings, clock = on.settings, on.clock
    limits = CircleLimits(settings.social_circles_max, settings.social_circle_texts_per_day_max)
    store = SqlCircleStore(chat.database, chat.texts)
    moderation = Moderation(SqlReportStore(chat.database, chat.texts), clock)
    api = CircleApi(Circles(store, scores or _scores(on), clock, limits), moderation)
    tasks = follow_people(on, chat.database, "circles", (hear,))
    if on.reach is not None:
        reporter = ConductReporter(
            chat.database,
            on.reach,
            clock,
            look_s=settings.social_circle_conduct_look_ms / 1000,
            wait_s=settings.social_circle_score_wait_ms / 1000,
        )
        tasks["circle-conduct"] = reporter.run
    service = Service("hongbao.social.v1.CircleService", api, add_CircleServiceServicer_to_server)
    return Room((service,), tasks)


def _scores(on: Grounds) -> Scores:
    settings = on.settings
    if on.reach is None:
        return NoScores()
    return IdentityScores(
        on.reach,
        on.clock,
        wait_s=settings.social_circle_score_wait_ms / 1000,
        remember_s=settings.social_circle_score_remember_ms / 1000,
        people_max=settings.social_circle_scores_max,
        calls_max=settings.social_circle_score_calls_max,
    )
