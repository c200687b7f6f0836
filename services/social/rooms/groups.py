"""Groups of people."""

from __future__ import annotations

from hongbao.social.v1.group_pb2_grpc import add_GroupServiceServicer_to_server
from services.mesh.room import Room
from services.mesh.server import Service
from services.social.adapters.groups import SqlGroupStore
from services.social.api.groups import GroupApi
from services.social.domain.groups import Groups
from services.social.domain.ports import GroupLimits
from services.social.rooms.grounds import Grounds


def groups(on: Grounds) -> Room:
    """The room of groups."""
    settings = on.settings
    limits = GroupLimits(
        settings.social_group_members_max,
        settings.social_groups_max,
        settings.social_group_invitations_max,
        1000 * settings.social_group_invitation_s,
    )
    api = GroupApi(Groups(SqlGroupStore(on.database, on.changes), on.clock, limits))
    return Room((Service("hongbao.social.v1.GroupService", api, add_GroupServiceServicer_to_server),))
