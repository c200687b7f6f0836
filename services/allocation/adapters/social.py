"""Social, as far as envelopes need it: who is a friend, and who is in a group."""

from __future__ import annotations

from typing import Self

from hongbao.social.v1 import group_pb2, group_pb2_grpc, social_pb2, social_pb2_grpc
from services.allocation.domain.envelopes.values import GroupId
from services.allocation.domain.values import PersonId
from services.allocation.settings import AllocationSettings
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.lately import Lately
from services.mesh.shards.directory import Directory


class SocialRelations:
    """Asks any instance of social; `Relations`."""

    def __init__(
        self,
        directory: Directory,
        channels: ChannelFactory,
        call_ms: int,
        members: Lately[tuple[GroupId, PersonId]],
    ) -> None:
        """Wires it; who was found in a group is not asked for again as long as `members` remembers it."""
        self._directory = directory
        self._channels = channels
        self._call_s = call_ms / 1000
        self._members = members

    @classmethod
    def by(
        cls, settings: AllocationSettings, directory: Directory, channels: ChannelFactory, clock: Clock
    ) -> Self:
        """As the settings say."""
        members = Lately[tuple[GroupId, PersonId]](
            clock,
            facts_max=settings.envelope_members_remembered_max,
            remember_ms=settings.envelope_members_remember_ms,
        )
        return cls(directory, channels, settings.envelope_call_ms, members)

    async def are_friends(self, one: PersonId, other: PersonId) -> bool:
        """See `Relations.are_friends`."""
        request = social_pb2.CheckFriendsRequest(person_id=one, other_person_ids=[other])

        async def attempt(address: str, timeout_s: float) -> bool:
            stub = social_pb2_grpc.SocialServiceStub(self._channels.channel(address))
            response = await stub.CheckFriends(request, timeout=timeout_s)
            return response.are_friends[0]

        return await self._directory.call("social", attempt, self._call_s)

    async def is_member(self, group_id: GroupId, person_id: PersonId) -> bool:
        """See `Relations.is_member`."""
        if self._members.holds((group_id, person_id)):
            return True
        request = group_pb2.CheckMembersRequest(group_id=group_id, person_ids=[person_id])

        async def attempt(address: str, timeout_s: float) -> bool:
            stub = group_pb2_grpc.GroupServiceStub(self._channels.channel(address))
            response = await stub.CheckMembers(request, timeout=timeout_s)
            return response.are_members[0]

        is_in = await self._directory.call("social", attempt, self._call_s)
        if is_in:
            self._members.found((group_id, person_id))
        return is_in
