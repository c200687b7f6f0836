"""The commands of `hongbao`, their options and their help."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.allocation.domain.proofs import PACKETS_MAX
from services.cli.bench.commands import benches
from services.cli.cards import cards
from services.cli.commands.beacon import tell_beacon
from services.cli.commands.books import show_books
from services.cli.commands.gala import finish, play_gala
from services.cli.commands.publish import publish_proof, publish_round
from services.cli.commands.shards import show_shards
from services.cli.commands.up import keep_up, layout_of
from services.cli.commands.verify import verify_offline, verify_rounds
from services.cli.console import run
from services.cli.disputes import disputes
from services.cli.gala.evening import Evening
from services.cli.ledger import ledger
from services.cli.operator import is_id
from services.cli.options import HOME, Home, running
from services.cli.places import require_place
from services.cli.proofs.bounds import CARDS_MAX_DEFAULT, PACKETS_MAX_DEFAULT
from services.mesh.settings import MeshSettings, load

app = typer.Typer(
    name="hongbao",
    help="Runs a Spring Festival red-packet campaign, on this machine or beside it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

app.add_typer(benches, name="bench")
app.add_typer(ledger)
app.add_typer(disputes, name="disputes")
app.add_typer(cards, name="cards")

Allocation = Annotated[int, typer.Option(min=1, max=16, help="Number of allocation processes.")]
GatewayPort = Annotated[int, typer.Option(min=1024, max=65535, help="Port that players call.")]
EtcdPort = Annotated[int, typer.Option(min=1024, max=65534, help="Port of etcd; the one above is used too.")]


def _id(text: str | None) -> str | None:
    # What the mesh would refuse is refused before anything is started for it.
    if text and not is_id(text):
        raise typer.BadParameter(
            f"{text[:60]!r} is no id: 3 to 40 small letters, digits and dashes, no dash at either end"
        )
    return text


@app.command(
    epilog="Examples: `hongbao up` &nbsp; `hongbao up --allocation 3` &nbsp; `hongbao up --gateway-port 9700`"
)
def up(
    allocation: Allocation = 1,
    gateway_port: GatewayPort = 8700,
    etcd_port: EtcdPort = 8701,
    home: Home = HOME,
) -> None:
    """Starts etcd and every service on this machine; Ctrl-C drains and stops them."""
    run(keep_up(layout_of(home, allocation, gateway_port, etcd_port), load(MeshSettings)))


@app.command(
    epilog="Examples: `hongbao gala` &nbsp; `hongbao gala --people 500 --rounds 2` &nbsp; "
    "`hongbao gala --report evening.json`"
)
def gala(
    campaign: Annotated[
        str,
        typer.Option(
            callback=_id, help="Id of the campaign; each can be played once. Default: named after the time."
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
    _require(outcome.in_order())


@app.command(epilog="Example: `hongbao shards`")
def shards(home: Home = HOME) -> None:
    """Shows who owns which shard, at which epoch. Exits with 1 when a shard has no owner."""
    _require(run(show_shards(running(home), load(MeshSettings))))


@app.command(epilog="Example: `hongbao books`")
def books(home: Home = HOME) -> None:
    """Shows the ledger's proof that every fen is in exactly one account. Exits with 1 when it is not."""
    _require(run(show_books(running(home), load(MeshSettings))))


@app.command(
    epilog="Examples: `hongbao verify round-1.hongbao` &nbsp; `hongbao verify gala-20260207-200000` &nbsp; "
    "`hongbao verify gala-20260207-200000 round-1` &nbsp; `hongbao verify cards.hongbao --person 42`"
)
def verify(
    what: Annotated[str, typer.Argument(help="A published file or a proof; or a campaign of the mesh.")],
    round_id: Annotated[
        str | None,
        typer.Argument(callback=_id, help="One of the campaign's rounds. Default: every closed one."),
    ] = None,
    packets_max: Annotated[
        int, typer.Option(min=1, max=PACKETS_MAX, help="Most packets of a file's round that are recomputed.")
    ] = PACKETS_MAX_DEFAULT,
    cards_max: Annotated[
        int, typer.Option(min=1, help="Most cards in the decks of a file's game that are recomputed.")
    ] = CARDS_MAX_DEFAULT,
    person: Annotated[
        int | None,
        typer.Option(
            min=1, max=(1 << 63) - 1, help="Compute what a set of this person is worth in a game's file."
        ),
    ] = None,
    home: Home = HOME,
) -> None:
    """Recomputes every amount of closed rounds, and every card of a closed game, from their revealed seeds.

    With a file, nothing but that file is needed: no mesh, no network. Exits with 1 when something differs,
    and names the first such thing; with 2 when the file is none that can be verified.
    """
    if round_id is None and (Path(what).is_file() or not is_id(what)):
        raise typer.Exit(verify_offline(_file(what), packets_max, cards_max, person))
    if person is not None:
        raise typer.BadParameter("it goes with the published file of a card game", param_hint="--person")
    campaign_id = str(_id(what))
    _require(run(verify_rounds(running(home), load(MeshSettings), campaign_id, round_id)))


@app.command(epilog="Example: `hongbao beacon spring-2026 round-1 8a5f...0c` (16 to 64 bytes)")
def beacon(
    campaign_id: Annotated[str, typer.Argument(callback=_id, help="The campaign.")],
    round_id: Annotated[str, typer.Argument(callback=_id, help="The round that waits for it.")],
    value: Annotated[str, typer.Argument(help="What the announced source has shown, hexadecimal.")],
    home: Home = HOME,
) -> None:
    """Tells what a round's announced beacon has shown; only then its amounts are drawn, and it opens.

    The value is recorded for ever. Everybody can look it up at its source.
    """
    shown = _bytes(value)
    run(tell_beacon(running(home), load(MeshSettings), campaign_id, round_id, shown))


@app.command(
    epilog="Examples: `hongbao publish gala-20260207-200000 round-1 --out round-1.hongbao` &nbsp; "
    "`hongbao publish gala-20260207-200000 round-1 --person 42 --out mine.json`"
)
def publish(
    campaign_id: Annotated[str, typer.Argument(callback=_id, help="The campaign.")],
    round_id: Annotated[str, typer.Argument(callback=_id, help="The closed round.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    person: Annotated[
        int | None,
        typer.Option(min=1, max=(1 << 63) - 1, help="Write only the proof of what this person won."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Writes what anyone needs to check a closed round with `hongbao verify`. It names nobody."""
    require_place(out, "--out", replaces=True)
    mesh, settings = running(home), load(MeshSettings)
    if person is None:
        run(publish_round(mesh, settings, campaign_id, round_id, out))
    else:
        run(publish_proof(mesh, settings, f"{campaign_id}.{round_id}", person, out))


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise typer.BadParameter(f"{text[:60]!r} is not in hexadecimal digits") from None


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise typer.BadParameter(
            f"{text[:60]!r} is no id of a campaign (3 to 40 small letters, digits and dashes), and no file"
        )
    return Path(text)


def _require(outcome: bool) -> None:  # noqa: FBT001 - the outcome of a check is all there is
    if not outcome:
        raise typer.Exit(1)
