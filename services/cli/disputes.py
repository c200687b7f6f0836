"""The commands of `hongbao disputes`, their options and their help."""

from __future__ import annotations

import enum
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from hongbao.settlement.v1 import dispute_events_pb2
from services.cli.commands.disputes import approve_dispute, decide_dispute, show_dispute, show_queue
from services.cli.console import run
from services.cli.operator import Operator, connected
from services.cli.options import HOME, Home, amount_fen, running
from services.mesh.settings import MeshSettings, load

disputes = typer.Typer(
    no_args_is_help=True, help="Shows what people dispute, and decides about it. See the ledger's README."
)

_DISPUTE_ID = re.compile(r"[1-9][0-9]{0,18}-[0-9a-f]{16}")


class State(enum.StrEnum):
    """States by which disputes can be listed."""

    OPEN = "open"
    AWAITING_APPROVAL = "awaiting-approval"
    APPROVED = "approved"
    PAID = "paid"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


def _id(text: str) -> str:
    if not _DISPUTE_ID.fullmatch(text):
        raise typer.BadParameter(f"{text[:60]!r} is no dispute: see `hongbao disputes list`")
    return text


def _fen(text: str) -> int:
    return amount_fen(text, "--pay")


Dispute = Annotated[str, typer.Argument(callback=_id, help="The dispute, as the list names it.")]
Name = Annotated[
    str, typer.Option("--operator", help="Who you are; kept on record.", envvar="HONGBAO_OPERATOR")
]
Reason = Annotated[str, typer.Option(help="Why, in words; kept on record, and read by the person.")]


@disputes.command(
    "list",
    epilog="Examples: `hongbao disputes list` &nbsp; `hongbao disputes list --person 42` &nbsp; "
    "`hongbao disputes list --state awaiting-approval`",
)
def list_disputes(
    state: Annotated[
        list[State] | None, typer.Option(help="Only these; may come again. Default: what has not ended.")
    ] = None,
    person: Annotated[
        int | None, typer.Option(min=1, max=(1 << 63) - 1, help="All disputes of this person instead.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="How many of each shard at most.")] = 100,
    home: Home = HOME,
) -> None:
    """Lists the disputes that wait, the oldest first."""
    chosen = dict.fromkeys(state or ())
    states = [dispute_events_pb2.DisputeState.Value(f"DISPUTE_STATE_{one.name}") for one in chosen]
    _ask(home, lambda operator, shards: show_queue(operator, shards, states, person, most))


@disputes.command(epilog="Example: `hongbao disputes show 42-9f2c00e1a7b35d68`")
def show(dispute: Dispute, home: Home = HOME) -> None:
    """Shows a dispute and everything that was done about it: who, when, and why."""
    _ask(home, lambda operator, shards: show_dispute(operator, shards, dispute))


@disputes.command(
    epilog="Examples: `hongbao disputes decide 42-9f2c00e1a7b35d68 --pay 3.50 --operator wang --reason ...` "
    "&nbsp; `hongbao disputes decide 42-9f2c00e1a7b35d68 --reject --operator wang --reason ...`"
)
def decide(
    dispute: Dispute,
    name: Name,
    reason: Reason,
    pay: Annotated[str | None, typer.Option(help="What is owed, in yuan.")] = None,
    *,
    reject: Annotated[bool, typer.Option("--reject", help="Nothing is owed.")] = False,
    home: Home = HOME,
) -> None:
    """Decides a dispute. Above a limit, a second operator has to approve before anything is paid."""
    if (pay is None) is not reject:
        raise typer.BadParameter("say either --pay with an amount, or --reject", param_hint="--pay")
    owed_fen = 0 if pay is None else _fen(pay)
    _ask(
        home,
        lambda operator, shards: decide_dispute(operator, shards, dispute, name, owed_fen, reason),
    )


@disputes.command(
    epilog="Examples: `hongbao disputes approve 42-9f2c00e1a7b35d68 --operator li --reason ...` &nbsp; "
    "`hongbao disputes approve 42-9f2c00e1a7b35d68 --decline --operator li --reason ...`"
)
def approve(
    dispute: Dispute,
    name: Name,
    reason: Reason,
    *,
    decline: Annotated[bool, typer.Option("--decline", help="The decision is wrong: open it again.")] = False,
    home: Home = HOME,
) -> None:
    """Approves what another operator decided to pay; nobody approves a decision of their own."""
    _ask(
        home,
        lambda operator, shards: approve_dispute(operator, shards, dispute, name, reason, declines=decline),
    )


def _ask(home: Path, work: Callable[[Operator, int], Awaitable[None]]) -> None:
    """Does work as the operator of the mesh in a folder; it is told how many shards settlement has."""
    mesh, settings = running(home), load(MeshSettings)

    async def connect_and_work() -> None:
        async with connected(mesh.etcd_endpoint, settings) as operator:
            await work(operator, settings.settlement_shards)

    run(connect_and_work())
