"""The commands of `hongbao` that are about what the ledger keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.audit import audit_ledger, owners_tips, read_tip
from services.cli.commands.migrate import migrate_databases, print_migrations
from services.cli.commands.statement import PAGE_ENTRIES, Asked, show_statement, write_statement
from services.cli.console import run
from services.cli.local_mesh.record import find_mesh
from services.cli.options import HOME, Home, moment_of, running
from services.cli.places import require_place
from services.cli.proofs.ledger.audit import LedgerAudit
from services.cli.proofs.ledger.findings import NotedTip
from services.mesh.settings import MeshSettings, check_places, load
from services.mesh.shards.groups import ShardGroups

ledger = typer.Typer()


@ledger.command(
    epilog="Examples: `hongbao audit` &nbsp; `hongbao audit --shard 2` &nbsp; "
    "`hongbao audit --journal postgresql://ledger/hongbao` &nbsp; "
    "`hongbao audit --tip 0:4711:9f2c...e1` (as an earlier audit showed it)"
)
def audit(
    journal: Annotated[
        str | None,
        typer.Option(
            help="Where the journals are. Default: those of the mesh in --home.", envvar="HONGBAO_JOURNAL_URL"
        ),
    ] = None,
    statements: Annotated[
        str | None,
        typer.Option(
            help="Where the statements are. Default: beside the journals.", envvar="HONGBAO_STATEMENT_URL"
        ),
    ] = None,
    shard: Annotated[int | None, typer.Option(min=0, help="Audit this shard only; proves no books.")] = None,
    tip: Annotated[
        list[str] | None, typer.Option(help="SHARD:RECORD:DIGEST that was noted down; may come again.")
    ] = None,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not compare with the owners of the mesh in --home.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Reads the ledger's journals as they are stored and checks every record.

    Follows the hash chain of each shard, folds all events anew, proves the books from them, and compares
    with what owners tell, what was noted, and what statements say. Changes nothing; a mesh may run meanwhile.
    Exits with 1 when something is not as it was written, and names the first such record of each shard; with
    2 when there is nothing that could be audited.
    """
    settings = load(MeshSettings)
    if shard is not None and shard >= settings.settlement_shards:
        raise typer.BadParameter(f"there are {settings.settlement_shards} shards", param_hint="--shard")
    of_home = f"sqlite:{home.absolute() / 'data'}"
    mesh = None if offline or journal not in {None, of_home} else find_mesh(home.absolute())
    tips = [*_tips(tip or (), settings, shard), *(run(owners_tips(mesh, settings)) if mesh else ())]
    groups = _groups(journal or of_home, settings, "--journal")
    kept = _groups(statements, settings, "--statements") if statements else groups
    raise typer.Exit(audit_ledger(LedgerAudit(groups, kept, settings.settlement_shards, shard, tips)))


@ledger.command(
    epilog="Examples: `hongbao statement sponsor:7` &nbsp; `hongbao statement wallet:42 --last 5` &nbsp; "
    "`hongbao statement wallet:42 --from 2026-02-16 --to 2026-02-17T02:00 --csv mine.csv`"
)
def statement(
    account: Annotated[str, typer.Argument(help="The account, as `wallet:42`; see settlement's README.")],
    begins: Annotated[
        str | None, typer.Option("--from", help="Entries from this day or time on, in Beijing.")
    ] = None,
    ends: Annotated[
        str | None, typer.Option("--to", help="Entries before this day or time, in Beijing.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--csv", help="Write all entries here, earliest first, in fen.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=PAGE_ENTRIES, help="Show so many of the latest.")] = 50,
    home: Home = HOME,
) -> None:
    """Shows what moved through an account, with the balances before, between and after.

    Without a period it is the whole life of the account. Amounts in brackets were only reserved or released.
    """
    asked = Asked(
        account,
        None if begins is None else moment_of(begins, "--from"),
        None if ends is None else moment_of(ends, "--to"),
    )
    if asked.begins_at and asked.ends_at and asked.begins_at >= asked.ends_at:
        raise typer.BadParameter("it must be after --from", param_hint="--to")
    require_place(out, "--csv", replaces=True)
    mesh, settings = running(home), load(MeshSettings)
    if out is None:
        run(show_statement(mesh, settings, asked, last))
    else:
        run(write_statement(mesh, settings, asked, out))


@ledger.command(
    epilog="Examples: `hongbao migrate --url postgresql://ledger/hongbao` &nbsp; "
    "`hongbao migrate --url 0-1=postgresql://a/x,2-3=postgresql://b/y` &nbsp; `hongbao migrate --sql`"
)
def migrate(
    url: Annotated[
        str | None, typer.Option(help="Databases of journals.", envvar="HONGBAO_JOURNAL_URL")
    ] = None,
    *,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL of all migrations, run nothing.")] = False,
) -> None:
    """Brings the tables of journals and statements in PostgreSQL up to date.

    Services do so themselves when they start, one of them while the others wait. This is for whoever wants it
    done before, or gives services no right to change tables.
    """
    if sql:
        print_migrations()
        return
    if url is None:
        raise typer.BadParameter("name the databases, or ask for --sql", param_hint="--url")
    migrate_databases(_groups(url, None, "--url"))


def _tips(texts: Sequence[str], settings: MeshSettings, only: int | None) -> list[NotedTip]:
    """What was noted down. A tip that nothing would be compared with is refused: it would seem to hold."""
    try:
        tips = [read_tip(text) for text in texts]
    except ValueError as failure:
        raise typer.BadParameter(str(failure), param_hint="--tip") from None
    for tip in tips:
        if tip.shard >= settings.settlement_shards:
            raise typer.BadParameter(f"there are {settings.settlement_shards} shards", param_hint="--tip")
        if only not in {None, tip.shard}:
            raise typer.BadParameter(f"shard {tip.shard} is not the one to be audited", param_hint="--tip")
    return tips


def _groups(url: str, settings: MeshSettings | None, option: str) -> ShardGroups:
    try:
        groups = ShardGroups.parse(url)
        check_places(groups)
        if settings is not None:
            groups.check_all_in(settings.settlement_shards)
    except ValueError as failure:
        raise typer.BadParameter(str(failure), param_hint=option) from None
    return groups
