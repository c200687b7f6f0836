"""`hongbao up`: a mesh on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.cli.console import COMPLAINTS, CONSOLE, Refusal
from services.cli.local_mesh.layout import MeshLayout
from services.cli.local_mesh.process import ProcessFailed
from services.cli.local_mesh.supervisor import LocalMesh, running_mesh


async def keep_up(layout: MeshLayout) -> None:
    """Starts a mesh and watches over it.

    Returns when it was asked to end. Raises `ProcessFailed` when one ends that the mesh cannot do without.
    """
    async with running_mesh(layout, announce) as mesh:
        CONSOLE.print(
            f"The mesh is up: players call {layout.gateway_address}, logs are in {layout.logs}. "
            "Ctrl-C drains it, a second one ends it at once.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        try:
            await watch(mesh)
        except asyncio.CancelledError:
            CONSOLE.print("draining", highlight=False)


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


def announce(process: str, state: str) -> None:
    """Shows one step of a process's life."""
    CONSOLE.print(f"  {process:<14} {state}", highlight=False)


def layout_of(home: Path, allocation: int, gateway_port: int, etcd_port: int) -> MeshLayout:
    """The layout that the options of a command describe; etcd's peers talk on the port above its clients'.

    Raises `Refusal` when the gateway is to have one of etcd's ports.
    """
    if gateway_port in (etcd_port, etcd_port + 1):
        raise Refusal(
            f"etcd needs the ports {etcd_port} and {etcd_port + 1}; "
            "choose another --gateway-port or --etcd-port"
        )
    return MeshLayout(
        home=home.absolute(),
        allocation_processes=allocation,
        gateway_port=gateway_port,
        etcd_port=etcd_port,
        etcd_peer_port=etcd_port + 1,
    )
