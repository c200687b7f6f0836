"""Invitations into campaigns."""

from __future__ import annotations

import os

from hongbao.social.v1.invitation_pb2_grpc import add_InvitationServiceServicer_to_server
from services.mesh.room import Room
from services.mesh.server import Service
from services.social.adapters.invitations.news import InvitationNews
from services.social.adapters.invitations.store import SqlInvitationStore
from services.social.api.invitations import InvitationApi
from services.social.domain.invitations.invitations import Invitations
from services.social.domain.invitations.ports import InvitationLimits
from services.social.rooms.grounds import Grounds


def invitations(on: Grounds) -> Room:
    """The room of invitations."""
    limits = InvitationLimits(on.settings.social_invitation_campaigns_max, on.settings.social_invited_max)
    api = InvitationApi(Invitations(SqlInvitationStore(on.database), on.clock, limits, os.urandom))
    on.people_handlers.append(InvitationNews(on.feed))
    return Room(
        (Service("hongbao.social.v1.InvitationService", api, add_InvitationServiceServicer_to_server),)
    )
