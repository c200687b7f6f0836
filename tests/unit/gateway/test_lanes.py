from __future__ import annotations

import pytest

from services.gateway.domain.lanes import LANES, lane_of
from services.gateway.settings import LANES as NAMES
from services.gateway.settings import GatewaySettings
from tests.integration.gateway_mesh import GatewayMesh

OPERATOR = "hongbao.gateway.v1.OperatorService"


def test_lanes_have_the_same_names_everywhere() -> None:
    assert tuple(LANES) == NAMES == GatewaySettings().gateway_lanes


@pytest.mark.parametrize("lane", NAMES)
async def test_a_gateway_with_one_lane_answers_that_and_the_operator(lane: str) -> None:
    gateway = GatewayMesh(gateway_lanes=(lane,)).wired()
    served = {service.name for service in gateway.services}
    assert served == {OPERATOR, *(f"hongbao.gateway.v1.{name}" for name in LANES[lane])}
    # Whoever watches stocks gets a part of the packets to let in: only who taps may.
    assert (gateway.taps is not None) == (lane == "taps")
    assert {lane_of(name) for name in LANES[lane]} == {lane}


def test_an_unknown_lane_is_refused() -> None:
    with pytest.raises(ValueError, match="lanes are some of taps, people, sharing, chat, money"):
        GatewaySettings(gateway_lanes=("taps", "gossip"))
