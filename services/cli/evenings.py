"""The commands of `hongbao` that run a mesh on this machine, and look at it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.books import show_books
from services.cli.commands.gala import finish, play_gala
from services.cli.commands.shards import show_shards
from services.cli.commands.up import keep_up, layout_of
from services.cli.console import run
from services.cli.gala.evening import Evening
from services.cli.options import HOME, Home, require_success, running, whole_id
from services.cli.places import require_place
from services.mesh.settings import MeshSettings, load

evenings = typer.Typer()

Allocation = Annotated[int, typer.Option(min=1, max=16, help="Number of allocation processes.")]
GatewayPort = Annotated[int, typer.Option(min=1024, max=65535, help="Port that players call.")]
EtcdPort = Annotated[int, typer.Option(min=1024, max=65534, help="Port of etcd; the one above is used too.")]


@evenings.command(
    epilog="Examples: `hongbao up` &nbsp; `hongbao up --allocation 3` &nbsp; `hongbao up --gateway-port 9700`"
    " &nbsp; `hongbao up --gateways taps+people+money,sharing,chat`"
)
def up(
    allocation: Allocation = 1,
    gateways: Annotated[
        str,
        typer.Option(help="What each gateway answers: lanes with + between them, gateways with commas."),
    ] = "",
    gateway_port: GatewayPort = 8700,
    etcd_port: EtcdPort = 8701,
    home: Home = HOME,
) -> None:
    """Starts etcd and every service on this machine; Ctrl-C drains and stops them."""
    layout = layout_of(home, allocation, gateway_port, etcd_port, gateways)
    run(keep_up(layout, load(MeshSettings)))


@evenings.command(
    epilog="Examples: `hongbao gala` &nbsp; `hongbao gala --people 500 --rounds 2` &nbsp; "
    "`hongbao gala --report evening.json`"
)
def gala(
    campaign: Annotated[
        str,
        typer.Option(
            callback=whole_id,
            help="Id of the campaign; each can be played once. Default: named after the time.",
        ),
    ] = "",
    people: Annotated[int, typer.Option(min=2, max=1_000_000, help="How many people take part.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, help="Fixes who the people are and what they do.")] = 7,
    rounds: Annotated[int, typer.Option(min=1, max=24, help="How many timed rounds are played.")] = 4,
    round_seconds: Annotated[int, typer.Option(min=1, max=600, help="How long a round is open.")] = 5,
    friends: Annotated[int, typer.Option(min=1, max=50, help="Friend requests that each person sends.")] = 2,
    rare_cards: Annotated[int, typer.Option(min=1, max=100, help="Rare cards for every 100 people.")] = 5,
    card_seconds: Annotated[int, typer.Option(min=1, max=600, help="Time to give and complete cards.")] = 10,
    report: Annotated[Path | None, typer.Option(help="Write the report here as JSON.")] = None,
    allocation: Allocation = 1,
    gateway_port: GatewayPort = 8700,
    etcd_port: EtcdPort = 8701,
    *,
    lucky: Annotated[
        bool, typer.Option("--lucky/--equal", help="Whether luck decides about shares of the pool.")
    ] = True,
    home: Home = HOME,
) -> None:
    """Plays a whole campaign evening and proves that every fen is accounted for.

    Uses the mesh that runs in `--home`, or starts one and drains it afterwards. Exits with 1 when a single
    fen or card is missing or a draw is not what was committed to.
    """
    settings = load(MeshSettings)
    require_place(report, "--report")
    evening = Evening(
        campaign_id=campaign or f"gala-{datetime.now(UTC):%Y%m%d-%H%M%S}",
        people=people,
        seed=seed,
        rounds=rounds,
        round_seconds=round_seconds,
        friends_per_person=friends,
        rare_cards_per_100_people=rare_cards,
        card_seconds=card_seconds,
        lucky=lucky,
        allocation_shards=settings.allocation_shards,
    )
    layout = layout_of(home, allocation, gateway_port, etcd_port)
    outcome = run(play_gala(evening, layout, settings))
    finish(outcome, report)
    require_success(outcome.in_order())


@evenings.command(epilog="Example: `hongbao shards`")
def shards(home: Home = HOME) -> None:
    """Shows who owns which shard, at which epoch. Exits with 1 when a shard has no owner."""
    require_success(run(show_shards(running(home), load(MeshSettings))))


@evenings.command(epilog="Example: `hongbao books`")
def books(home: Home = HOME) -> None:
    """Shows the ledger's proof that every fen is in exactly one account. Exits with 1 when it is not."""
    require_success(run(show_books(running(home), load(MeshSettings))))
