"""What callers are told of envelopes, and when."""
# ruff: noqa: ARG002 - stand-ins take what the real ones take

from __future__ import annotations

from typing import Any, cast

from hongbao.allocation.v1 import envelope_events_pb2, envelope_pb2
from services.allocation.api.envelope_orders import OrderDesk
from services.allocation.api.envelopes import EnvelopeServicer
from services.allocation.api.held import AllocationHost
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.values import EnvelopeKind, Order
from services.allocation.settings import AllocationSettings
from services.mesh.clock import ManualClock
from tests.unit.allocation.envelope_world import PEOPLE, EnvelopeWorld

SENDER, *OTHERS = PEOPLE
REQUEST = "6f1c5a4e-8d0b-4c57-9a35-1f2e3d4c5b6a"


class Desk:
    """Has an order paid for, while somebody claims all that there is."""

    def __init__(self, world: EnvelopeWorld) -> None:
        self.world = world
        self.durable = False

    async def place(self, shard: object, order: Order) -> Envelope:
        envelope = self.world.order(order)
        self.world.open(envelope.terms.envelope_id)
        self.world.claim(envelope.terms.envelope_id, OTHERS[0])
        return envelope

    # The desk is host and shard as well.

    shard_count = 4

    def owned(self, shard: int) -> Desk:
        return self

    async def settled(self) -> None:
        self.durable = True


async def test_claims_that_came_while_an_envelope_was_paid_for_are_durable_before_they_are_told_of() -> None:
    desk = Desk(EnvelopeWorld())
    servicer = EnvelopeServicer(
        cast("AllocationHost", desk),
        cast("OrderDesk", desk),
        cast("Any", None),
        ManualClock(),
        AllocationSettings.model_validate({}),
    )
    request = envelope_pb2.SendEnvelopeRequest(
        request_id=REQUEST,
        sender_id=SENDER,
        kind=envelope_events_pb2.EnvelopeKind.ValueType(EnvelopeKind.LUCKY),
        audience=envelope_events_pb2.Audience(friends=True),
        amount_fen=10,
        share_count=1,
    )
    response = await servicer.SendEnvelope(request, None)
    assert response.envelope.state == envelope_pb2.ENVELOPE_STATE_FINISHED
    assert len(response.envelope.seed) == 32
    assert desk.durable
