"""`hongbao beacon`: tells what a round's announced beacon has shown."""

from __future__ import annotations

from services.cli.console import CONSOLE
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.mesh.settings import MeshSettings


async def tell_beacon(
    mesh: MeshRecord, settings: MeshSettings, campaign_id: str, round_id: str, value: bytes
) -> None:
    """Puts the value on record and opens the round with it; the same value again completes what was begun."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        opened = await operator.publish_beacon(campaign_id, round_id, value)
    CONSOLE.print(
        f"{opened.stock_id} is drawn from its seed and {opened.beacon}: {opened.beacon_value.hex()}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
