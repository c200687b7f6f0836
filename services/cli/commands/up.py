"""`hongbao up`: a mesh on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from services.cli.commands.shards import ownerless_shards
from services.cli.console import COMPLAINTS, CONSOLE, Refusal
from services.cli.local_mesh.layout import ALL_LANES, MeshLayout
from services.cli.local_mesh.process import ProcessFailed
from services.cli.local_mesh.supervisor import LocalMesh, running_mesh
from services.cli.operator import connected
from services.mesh.errors import ServiceError
from services.mesh.settings import MeshSettings

_OWNERS_PATIENCE_S = 3.0


async def keep_up(layout: MeshLayout, settings: MeshSettings) -> None:
    """Starts a mesh and watches over it.

    Returns when it was asked to end. Raises `ProcessFailed` when one ends that the mesh cannot do without.
    """
    async with running_mesh(layout, announce) as mesh:
        CONSOLE.print(
            f"The mesh is up: players call {_addresses(layout)}, logs are in {layout.logs}. "
            "Ctrl-C drains it, a second one ends it at once.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        try:
            await _warn_of_ownerless(layout, settings)
            await watch(mesh)
        except asyncio.CancelledError:
            CONSOLE.print("draining", highlight=False)


def _addresses(layout: MeshLayout) -> str:
    if len(layout.gateways) == 1:
        return layout.gateway_address
    addresses = layout.lane_addresses
    return ", ".join(f"{addresses[lanes[0]]} ({', '.join(lanes)})" for lanes in layout.gateways)


async def watch(mesh: LocalMesh) -> None:
    """Reports processes that end by themselves. Raises `ProcessFailed` when the mesh cannot do without."""
    while True:
        dead = await mesh.first_death()
        if not mesh.can_go_on_without(dead):
            raise ProcessFailed(dead.death_notice(), process=dead.spec.name)
        COMPLAINTS.print(
            f"hongbao: {dead.death_notice()}; the others take over",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


async def _warn_of_ownerless(layout: MeshLayout, settings: MeshSettings) -> None:
    """Names the shards that nobody can take, as when a journal is broken: else one finds out late."""
    missing: list[str] = []
    # The mesh does not depend on this look at it.
    with contextlib.suppress(ServiceError):
        async with connected(layout.etcd_endpoint, settings) as operator:
            missing = await ownerless_shards(operator.maps.values(), _OWNERS_PATIENCE_S)
    if missing:
        COMPLAINTS.print(
            f"hongbao: nobody has {', '.join(missing)}; the logs in {layout.logs} say why",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def announce(process: str, state: str) -> None:
    """Shows one step of a process's life."""
    CONSOLE.print(f"  {process:<16} {state}", highlight=False)


def layout_of(
    home: Path, allocation: int, gateway_port: int, etcd_port: int, gateways: str = ""
) -> MeshLayout:
    """The layout that the options of a command describe; etcd's peers talk on the port above its clients'.

    Raises `Refusal` when a gateway is to have one of etcd's ports, or a lane not exactly one gateway.
    """
    layout = MeshLayout(
        home=home.absolute(),
        allocation_processes=allocation,
        gateway_port=gateway_port,
        etcd_port=etcd_port,
        etcd_peer_port=etcd_port + 1,
        gateways=_lanes_of(gateways) if gateways else (ALL_LANES,),
    )
    if {etcd_port, etcd_port + 1} & set(layout.gateway_ports):
        raise Refusal(
            f"etcd needs the ports {etcd_port} and {etcd_port + 1}; "
            "choose another --gateway-port or --etcd-port"
        )
    return layout


def _lanes_of(text: str) -> list[list[str]]:
    """The lanes of each gateway, as `taps+people+money,sharing,chat` says."""
    gateways = [[lane.strip() for lane in part.split("+")] for part in text.split(",")]
    named = sorted(lane for lanes in gateways for lane in lanes)
    if named != sorted(ALL_LANES):
        raise Refusal(f"--gateways must name each of {', '.join(ALL_LANES)} once, such as taps+people,...")
    return gateways
