"""`hongbao books`: the ledger's proof."""

from __future__ import annotations

from rich.table import Table

from services.cli.console import CONSOLE
from services.cli.gala.progress import yuan
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.cli.proofs.books import proof_of
from services.mesh.settings import MeshSettings
from services.settlement.domain.books import Books


async def show_books(mesh: MeshRecord, settings: MeshSettings) -> bool:
    """Prints where every campaign's money is, and every statement of the proof; False when one is wrong."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        proof = proof_of(await operator.books(), settings.settlement_shards)
    CONSOLE.print(_campaigns(proof))
    CONSOLE.print(_statements(proof))
    for line in troubles_of(proof):
        CONSOLE.print(line, style="red", highlight=False)
    verdict = "the books prove themselves" if proof.sound else "the books do NOT prove themselves"
    CONSOLE.print(
        f"{verdict}: difference {proof.difference_fen} fen, {yuan(proof.in_transit_fen)} yuan between shards",
        style="bold green" if proof.sound else "bold red",
        highlight=False,
    )
    return proof.sound


def _campaigns(proof: Books) -> Table:
    columns = {
        "held": [campaign.held_fen for campaign in proof.campaigns],
        "returned": [campaign.returned_fen for campaign in proof.campaigns],
        "wallets": [campaign.wallets_fen for campaign in proof.campaigns],
        "escrow": [campaign.escrow_fen for campaign in proof.campaigns],
        "pool": [campaign.pool_fen for campaign in proof.campaigns],
        "shares": [campaign.shares_fen for campaign in proof.campaigns],
        "waiting": [campaign.waiting_fen for campaign in proof.campaigns],
        "remainder": [campaign.remainder_fen for campaign in proof.campaigns],
        "budgets": [campaign.budgets_fen for campaign in proof.campaigns],
        "compensation": [campaign.compensation_fen for campaign in proof.campaigns],
        "paid out": [campaign.paid_out_fen for campaign in proof.campaigns],
        "in transit": [campaign.in_transit_fen for campaign in proof.campaigns],
    }
    # Most evenings end with most of these empty; what is left fits on a narrow screen.
    shown = {header: amounts for header, amounts in columns.items() if any(amounts)}
    table = Table(title="Where the money is (yuan)", title_justify="left")
    table.add_column("campaign", overflow="fold")
    for header in shown:
        table.add_column(header, justify="right", overflow="fold")
    for campaign, *amounts_fen in zip(proof.campaigns, *shown.values(), strict=True):
        table.add_row(campaign.campaign_id, *(yuan(amount_fen) for amount_fen in amounts_fen))
    return table


def _statements(proof: Books) -> Table:
    table = Table(title="What must be the same (yuan)", title_justify="left")
    for header in ("about", "statement"):
        table.add_column(header, overflow="fold")
    for header in ("left", "right", "difference"):
        table.add_column(header, justify="right", overflow="fold")
    for line in proof.lines:
        table.add_row(
            line.subject,
            line.statement,
            yuan(line.left_fen),
            yuan(line.right_fen),
            yuan(line.difference_fen),
            style="bold red" if line.difference_fen else None,
        )
    return table


def troubles_of(proof: Books) -> list[str]:
    """What is wrong beside the lines, or waits, in words."""
    return [
        *(f"shard {shard} did not answer" for shard in proof.missing_shards),
        *(
            f"account {wrong.account_id} holds {wrong.balance_fen} fen: {wrong.detail}"
            for wrong in proof.violations
        ),
        *(
            f"feed {feed.source} stopped at record {feed.halt.seq}: {feed.halt.detail}"
            for feed in proof.stopped
            if feed.halt is not None
        ),
        *(
            f"feed {feed.source} waits at record {feed.halt.seq}: {feed.halt.detail}"
            for feed in proof.waiting
            if feed.halt is not None
        ),
    ]
