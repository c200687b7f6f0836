"""Strangers come because somebody invited them; what that earns depends on who they turn out to be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hongbao.cards.v1 import events_pb2 as card_events
from hongbao.gateway.v1 import invitation_pb2 as pb
from hongbao.gateway.v1 import invitation_pb2_grpc
from services.mesh.errors import ServiceError
from tests.simulation.guests import Guest, World
from tests.simulation.invariants import Invariants
from tests.simulation.mesh import SimulatedMesh

FULFILMENT_S_MAX, LOOK_S = 60.0, 0.5
_KNOWN_BY_THEN = frozenset({"ALREADY_VERIFIED", "OWN_INVITATION"})
"""Whoever accepts too late is somebody already: maybe the one who invited."""


@dataclass(frozen=True, slots=True)
class Invited:
    """A stranger who has accepted somebody's invitation."""

    host: Guest
    stranger: Guest
    came_as: int
    """The provisional person who accepted."""

    def state(self, world: World) -> pb.InvitedState.ValueType:
        """What must have become of it."""
        if self.stranger.is_provisional:
            return pb.INVITED_STATE_ACCEPTED
        if self.came_as in world.told.became:
            return pb.INVITED_STATE_NOT_COUNTED
        return pb.INVITED_STATE_FULFILLED


async def invite_strangers(hosts: Sequence[Guest], strangers: Sequence[Guest], world: World) -> list[Invited]:
    """Each stranger accepts the invitation of somebody who is known, if that comes in time."""
    invited = []
    for host, stranger in zip(hosts, strangers, strict=False):
        create = pb.CreateInvitationRequest(campaign_id=world.campaign_id)
        code = (await host.call(_invitations(world).CreateInvitation, create)).code
        came_as = stranger.person_id
        try:
            await stranger.call(_invitations(world).AcceptInvitation, pb.AcceptInvitationRequest(code=code))
        except ServiceError as error:
            if error.reason not in _KNOWN_BY_THEN:
                raise
            world.told.outcomes[error.reason] += 1
        else:
            invited.append(Invited(host, stranger, came_as))
    return invited


async def check_invitations(
    invited: Sequence[Invited], world: World, mesh: SimulatedMesh, invariants: Invariants
) -> None:
    """Invitations are fulfilled by whoever was new, and by nobody else; each earns two cards at most."""
    expected = Counter(one.state(world) for one in invited)
    ends_s = mesh.clock.monotonic_s() + FULFILMENT_S_MAX
    while (found := await _states(invited, world)) != expected:
        assert mesh.clock.monotonic_s() < ends_s, f"invitations are {found}, and should be {expected}"
        await mesh.clock.sleep(LOOK_S)
    dealt = invariants.cards.dealt_from(card_events.CARD_SOURCE_INVITATION)
    assert dealt <= 2 * expected[pb.INVITED_STATE_FULFILLED], "a card each for two people"


async def _states(invited: Sequence[Invited], world: World) -> Counter[pb.InvitedState.ValueType]:
    hosts = list({one.host.name: one.host for one in invited}.values())
    request = pb.ListInvitedRequest(campaign_id=world.campaign_id)
    pages = await asyncio.gather(*(host.call(_invitations(world).ListInvited, request) for host in hosts))
    return Counter(one.state for page in pages for one in page.invited)


def _invitations(world: World) -> invitation_pb2_grpc.InvitationServiceAsyncStub:
    return invitation_pb2_grpc.InvitationServiceStub(world.channel())
