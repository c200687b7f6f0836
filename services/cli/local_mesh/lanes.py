"""Where players call: the gateway of a lane, by the contract service of the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from services.cli.local_mesh.record import MeshRecord
from services.gateway.domain.lanes import lane_of
from services.mesh.channel import ChannelFactory


def player_channel(apps: ChannelFactory, mesh: MeshRecord) -> grpc.aio.Channel:
    """A channel to all gateways of a mesh: each call takes the way to the one that answers it."""
    addresses = set(mesh.lane_addresses.values())
    if len(addresses) <= 1:
        return apps.channel(mesh.gateway_address)
    # As apps in a cluster see it, where an Ingress looks at the path of a call.
    return _Ways({lane: apps.channel(address) for lane, address in mesh.lane_addresses.items()})  # type: ignore[return-value]  # stubs ask for nothing else


class _Ways:
    """Hands each method of a stub to the channel of its lane."""

    def __init__(self, by_lane: Mapping[str, grpc.aio.Channel]) -> None:
        self._by_lane = by_lane

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """As `grpc.aio.Channel` has it."""
        return self._of(method).unary_unary(method, *arguments, **options)

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """As `grpc.aio.Channel` has it."""
        return self._of(method).unary_stream(method, *arguments, **options)

    def _of(self, method: str) -> grpc.aio.Channel:
        service = method.split("/")[1].rpartition(".")[2]
        return self._by_lane[lane_of(service)]
