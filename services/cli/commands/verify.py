"""`hongbao verify`: recomputes every amount of closed rounds."""

from __future__ import annotations

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.cli.console import CONSOLE, Refusal
from services.cli.gala.progress import yuan
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.cli.proofs.draw import verify_round
from services.mesh.settings import MeshSettings


async def verify_rounds(
    mesh: MeshRecord, settings: MeshSettings, campaign_id: str, round_id: str | None
) -> bool:
    """Verifies one round, or all closed ones of a campaign, a line each; False when one does not hold."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        if round_id is not None:
            found = [await operator.round(campaign_id, round_id)]
        else:
            found = await operator.rounds(campaign_id)
        rounds = [played for played in found if played.phase == allocation.ROUND_PHASE_CLOSED]
        if not rounds:
            what = (
                f"{round_id} of {campaign_id} is not closed"
                if round_id
                else f"{campaign_id} has no closed round"
            )
            raise Refusal(f"{what} yet; a round's seed is revealed when it closes: try again then")
        all_hold = True
        for played in rounds:
            proof = await verify_round(operator, played)
            all_hold = all_hold and proof.holds
            outcome = "as committed" if proof.holds else f"does NOT hold: {proof.complaint}"
            CONSOLE.print(
                f"{played.stock_id}: {proof.packets:,} packets, {yuan(proof.won_fen)} yuan, {outcome}",
                style="green" if proof.holds else "red",
                highlight=False,
            )
    return all_hold
