"""`hongbao verify`: recomputes every amount of closed rounds, from the mesh or from a file."""

from __future__ import annotations

from pathlib import Path

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.allocation.domain.proofs import Mismatch, Proof, Statement
from services.cli.console import CONSOLE, Refusal
from services.cli.gala.progress import yuan
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.cli.proofs.bounds import NotVerifiable
from services.cli.proofs.draw import verify_round
from services.cli.proofs.files import verify_file
from services.mesh.settings import MeshSettings

HOLDS, DIFFERS, NOT_VERIFIABLE = 0, 1, 2
"""How the command ends: all is as committed, something is not, the file is none that can be verified."""


def verify_offline(path: Path, packets_max: int) -> int:
    """Verifies a published round, or the proof of a packet, with the file alone; returns the exit code.

    A round of more packets than `packets_max` is not recomputed.
    """
    try:
        verified = verify_file(path, packets_max)
    except Mismatch as mismatch:
        _say(f"{path.name} does NOT hold: {mismatch}", "red")
        return DIFFERS
    except NotVerifiable as refusal:
        _say(f"{path.name} cannot be verified: {refusal}", "red")
        return NOT_VERIFIABLE
    if isinstance(verified, Proof):
        _say(
            f"{verified.statement.stock_id}: packet {verified.drawn_index} of the draw of shard "
            f"{verified.drawn_shard} is {yuan(verified.amount_fen)} yuan, as committed",
            "green",
        )
        _say_what_to_compare(verified.statement)
        return HOLDS
    heading = verified.heading
    won = f"{verified.packets:,} packets, {yuan(verified.won_fen)} yuan"
    _say(f"{heading.statement.stock_id}: {won}, as committed", "green")
    _say(f"announced: {heading.announced_at}, for {heading.opens_at} to {heading.closes_at}")
    _say_what_to_compare(heading.statement)
    _say(f"digest: {verified.digest.hex()}")
    return HOLDS


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
            _say(
                f"{played.stock_id}: {proof.packets:,} packets, {yuan(proof.won_fen)} yuan, {outcome}",
                "green" if proof.holds else "red",
            )
    return all_hold


def _say_what_to_compare(statement: Statement) -> None:
    """What no file can prove by itself, because whoever writes the file could write that too."""
    _say(f"commitment: {statement.seed_commitment.hex()} (compare it with the one that was announced)")
    if statement.beacon:
        _say(f"beacon: {statement.beacon_value.hex()} (compare it with {statement.beacon})")


def _say(line: str, style: str = "") -> None:
    CONSOLE.print(_visible(line), style=style, markup=False, highlight=False, soft_wrap=True)


def _visible(line: str) -> str:
    """A line that is one: a file could otherwise move the cursor, and write a verdict of its own there."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)
