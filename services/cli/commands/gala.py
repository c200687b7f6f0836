"""`hongbao gala`: a whole evening, and its report."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from rich.table import Table
from rich.tree import Tree

from services.cli.commands.gala_people import people_rows, say_people
from services.cli.commands.up import announce, watch
from services.cli.console import CONSOLE, Refusal
from services.cli.gala.card_report import CardFigures
from services.cli.gala.evening import Evening
from services.cli.gala.play import play
from services.cli.gala.progress import Progress, shown, yuan
from services.cli.gala.report import GalaReport
from services.cli.gala.trace import Hop, SampledTrace
from services.cli.local_mesh.layout import MeshLayout
from services.cli.local_mesh.record import MeshRecord, find_mesh
from services.cli.local_mesh.supervisor import running_mesh
from services.mesh.settings import MeshSettings


async def play_gala(evening: Evening, layout: MeshLayout, settings: MeshSettings) -> GalaReport:
    """Plays on the mesh that runs in the layout's home, or on one that is started for the evening."""
    running = find_mesh(layout.home)
    if running is not None:
        return await _play_shown(evening, running, settings)
    async with AsyncExitStack() as stack:
        mesh = await stack.enter_async_context(running_mesh(layout, announce))
        # A process that dies for good ends the evening with its own words, not with a time-out.
        evening_task = asyncio.ensure_future(_play_shown(evening, mesh.record, settings))
        death = asyncio.ensure_future(watch(mesh))
        try:
            await asyncio.wait((evening_task, death), return_when=asyncio.FIRST_COMPLETED)
            return await (death if death.done() else evening_task)  # type: ignore[return-value]  # a watch only raises
        finally:
            for task in (evening_task, death):
                task.cancel()
            await asyncio.gather(evening_task, death, return_exceptions=True)


async def _play_shown(evening: Evening, mesh: MeshRecord, settings: MeshSettings) -> GalaReport:
    progress = Progress()
    async with shown(progress, CONSOLE):
        return await play(evening, mesh, settings, progress)


def finish(outcome: GalaReport, path: Path | None) -> None:
    """Writes the report where that was asked for, and shows it, also when writing fails."""
    try:
        if path is not None:
            outcome.write(path)
    except OSError as failure:
        show(outcome, None)
        raise Refusal(f"the report could not be written to {path}: {failure.strerror}") from failure
    show(outcome, path)


def show(report: GalaReport, written: Path | None) -> None:
    """Prints the report for people."""
    figures = Table(title="The evening", title_justify="left", show_header=False)
    figures.add_column()
    figures.add_column(justify="right")
    sharing, money = report.sharing, report.money
    share = report.answered_at_gateway / report.taps if report.taps else 0.0
    for name, value in (
        ("people", f"{report.people:,}"),
        ("taps", f"{report.taps:,}"),
        ("answered at the gateway", f"{report.answered_at_gateway:,} ({share:.1%})"),
        ("packets won", f"{report.packets_won:,}"),
        ("cards dealt", _dealt(report.cards)),
        ("cards offered", _offered(report.cards)),
        ("cards asked for", _asked_for(report.cards)),
        ("packets sent on", f"{sharing.sent_on:,}"),
        ("packets for groups", f"{sharing.group_packets:,}"),
        ("asks answered", f"{sharing.asks_answered:,} of {sharing.asks_answered + sharing.asks_declined:,}"),
        ("shares opened", f"{sharing.shares:,}, {yuan(sharing.shares_fen)} yuan"),
        ("verified late", f"{money.late_guests:,}, {yuan(money.late_told_fen)} yuan waited for them"),
        ("second accounts", _second_accounts(report)),
        ("withdrawn", f"{money.withdrawals:,} times, {yuan(money.withdrawals_fen)} yuan"),
        ("refused by banks", f"{money.refused:,} times, {yuan(money.refused_fen)} yuan back in wallets"),
        ("paid for disputes", f"{yuan(money.compensated_fen)} yuan"),
        ("statements read", f"{money.statements:,}, {money.entries:,} entries"),
        ("sets completed", f"{report.sets_completed:,}"),
        ("pool share", f"{yuan(report.pool_paid_fen // max(1, report.sets_completed))} yuan"),
        ("pool remainder", f"{yuan(report.pool_remainder_fen)} yuan"),
        ("returned to the sponsor", f"{yuan(report.returned_fen)} yuan"),
        *people_rows(report.society),
        ("processes", ", ".join(f"{process.name} ({process.pid})" for process in report.processes)),
        ("took", f"{report.duration_s:.1f} s"),
    ):
        figures.add_row(name, value)
    CONSOLE.print(figures)
    CONSOLE.print(_cards(report.cards))
    CONSOLE.print(_money(report))
    CONSOLE.print(
        f"draw: {report.packets_verified:,} amounts recomputed from the revealed seeds, "
        + ("all as committed" if report.draw_verified else "NOT as committed; see `hongbao verify`"),
        style="green" if report.draw_verified else "red",
        highlight=False,
    )
    CONSOLE.print(
        f"lucky packets: {sharing.splits_verified:,} splits recomputed from the revealed seeds, "
        + ("all as committed" if sharing.splits_hold else "NOT all as committed"),
        style="green" if sharing.splits_hold else "red",
        highlight=False,
    )
    _say_cards(report.cards)
    say_people(report.society)
    if report.trace is not None:
        CONSOLE.print(_tree(report.trace))
    if written is not None:
        CONSOLE.print(f"report written to {written}", highlight=False)
    CONSOLE.print(
        f"difference: {report.difference_fen} fen",
        style="bold green" if report.difference_fen == 0 else "bold red",
        highlight=False,
    )


def _dealt(game: CardFigures) -> str:
    others = f"{game.dealt_for_taps:,} for taps, {game.dealt_for_shares:,} for shares"
    return f"{game.dealt_to_friends:,} for friends, {others}, {game.dealt_for_invitations:,} for invitations"


def _offered(game: CardFigures) -> str:
    return (
        f"{game.offers_accepted:,} accepted, {game.offers_declined:,} declined, "
        f"{game.offers_taken_back:,} taken back, {game.came_home:,} came home by themselves"
    )


def _asked_for(game: CardFigures) -> str:
    return (
        f"{game.asks_answered:,} given, {game.asks_declined:,} declined, {game.asks_taken_back:,} taken back"
    )


def _second_accounts(report: GalaReport) -> str:
    moved = f"{report.cards.moved_arrived:,} of {report.cards.moved:,} cards went to the first"
    back = f"{yuan(report.money.twice_fen)} yuan back to the sponsor"
    return f"{report.money.second_accounts:,}; {moved}, {back}"


def _cards(game: CardFigures) -> Table:
    table = Table(title="Every card in one place", title_justify="left")
    table.add_column("")
    for header in ("limit", "issued", "held", "spent", "difference"):
        table.add_column(header, justify="right")
    for kind in game.kinds:
        table.add_row(
            kind.card.lower(),
            *(
                f"{count:,}"
                for count in (kind.issue_limit, kind.issued, kind.held, kind.spent, kind.difference)
            ),
            style=None if kind.difference == 0 else "bold red",
        )
    return table


def _say_cards(game: CardFigures) -> None:
    verdict = f"NOT as committed: {game.complaint}" if game.complaint else "all as committed"
    CONSOLE.print(
        f"cards: {game.verified:,} draws recomputed from the revealed seed, {verdict}",
        style="green" if game.holds else "red",
        highlight=False,
        markup=False,
    )
    if game.difference:
        CONSOLE.print(
            f"cards: {game.difference:,} cards or sets are not where they should be",
            style="bold red",
            highlight=False,
        )


def _money(report: GalaReport) -> Table:
    table = Table(title="Every fen, known in two ways (yuan)", title_justify="left")
    for header in ("", "one way", "the other way"):
        table.add_column(header)
    table.add_column("difference", justify="right")
    for line in report.lines():
        table.add_row(
            line.name,
            f"{line.left} {yuan(line.left_fen)}",
            f"{line.right} {yuan(line.right_fen)}",
            yuan(line.difference_fen),
            style=None if line.difference_fen == 0 else "bold red",
        )
    return table


def _tree(trace: SampledTrace) -> Tree:
    tree = Tree(f"one tap, trace {trace.trace_id}")
    slowest = max(trace.hops, key=lambda hop: hop.duration_ms, default=None)
    branches: dict[int, Tree] = {0: tree}
    for hop in trace.hops:
        parent = branches.get(hop.depth, tree)
        branches[hop.depth + 1] = parent.add(_hop_line(hop, is_slowest=hop is slowest))
    return tree


def _hop_line(hop: Hop, *, is_slowest: bool) -> str:
    line = f"{hop.caller} -> {hop.callee}  {hop.method}  {hop.duration_ms:.2f} ms"
    return f"[bold yellow]{line}  (slowest)[/]" if is_slowest else line
