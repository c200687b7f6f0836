"""The commands of `hongbao bench`: one line for each, in a module of its own."""

from __future__ import annotations

import typer

from services.cli.bench import (
    cards,
    claims,
    failover,
    growth,
    isolation,
    journal,
    settle,
    social,
    taps,
    whole_round,
)
from services.mesh.settings import MeshSettings, load

benches = typer.Typer(no_args_is_help=True)


@benches.callback()
def prepare() -> None:
    """Measures the mesh on this machine. Every bench cleans up after itself."""
    # A bad setting is told now, and not by a process of the mesh some minutes later.
    load(MeshSettings)


benches.command("cards", epilog=cards.EXAMPLES)(cards.bench_cards)
benches.command("claims", epilog=claims.EXAMPLES)(claims.bench_claims)
benches.command("growth", epilog=growth.EXAMPLES)(growth.bench_growth)
benches.command("isolation", epilog=isolation.EXAMPLES)(isolation.bench_isolation)
benches.command("journal", epilog=journal.EXAMPLES)(journal.bench_journal)
benches.command("failover", epilog=failover.EXAMPLES)(failover.bench_failover)
benches.command("round", epilog=whole_round.EXAMPLES)(whole_round.bench_round)
benches.command("settle", epilog=settle.EXAMPLES)(settle.bench_settle)
benches.command("social", epilog=social.EXAMPLES)(social.bench_social)
benches.command("taps", epilog=taps.EXAMPLES)(taps.bench_taps)
