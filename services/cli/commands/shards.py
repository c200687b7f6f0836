"""`hongbao shards`: who owns what, at which epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from rich.table import Table

from services.cli.console import CONSOLE
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.mesh.settings import MeshSettings
from services.mesh.shards.map import ShardMap


async def show_shards(mesh: MeshRecord, settings: MeshSettings) -> bool:
    """Prints the owner of every shard; False when one has none."""
    table = Table(title="Shards", title_justify="left")
    for header in ("service", "shard", "owner", "address"):
        table.add_column(header)
    table.add_column("epoch", justify="right")
    complete = True
    async with connected(mesh.etcd_endpoint, settings) as operator:
        for service, shard_map in operator.maps.items():
            for shard in range(shard_map.shard_count):
                owner = shard_map.owner(shard)
                if owner is None:
                    complete = False
                    table.add_row(service, str(shard), "nobody", "", "", style="red")
                else:
                    table.add_row(service, str(shard), owner.instance, owner.address, str(owner.epoch))
    CONSOLE.print(table)
    return complete


async def ownerless_shards(maps: Iterable[ShardMap], patience_s: float) -> list[str]:
    """The shards that have no owner though their services serve, as "settlement shard 3".

    A shard that only changes hands is waited for, `patience_s` seconds at most.
    """
    missing: list[str] = []
    for shard_map in maps:
        try:
            async with asyncio.timeout(patience_s):
                while len(shard_map.owners()) < shard_map.shard_count:
                    await shard_map.changed(shard_map.version)
        except TimeoutError:
            ownerless = sorted(set(range(shard_map.shard_count)) - shard_map.owners().keys())
            missing += [f"{shard_map.service} shard {shard}" for shard in ownerless]
    return missing
