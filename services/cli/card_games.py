"""The commands of `hongbao cards` that are about a game of the mesh: opening and watching it."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from hongbao.cards.v1 import events_pb2 as events
from hongbao.cards.v1 import flows_pb2 as flows
from hongbao.cards.v1 import proof_pb2 as proofs
from services.cli.commands.cards_clusters import show_clusters
from services.cli.commands.cards_open import GameAsked, open_game
from services.cli.commands.cards_publish import publish_card, publish_game
from services.cli.commands.cards_show import show_game, watch_game
from services.cli.console import run
from services.cli.operator import is_id
from services.cli.options import HOME, Home, amount_fen, moment_of, running
from services.cli.places import require_place
from services.cli.plan_file import read_plan
from services.mesh.settings import MeshSettings, load

card_games = typer.Typer()


class Source(enum.StrEnum):
    """What people earn cards with."""

    FRIEND = "friend"
    TAP = "tap"
    SHARE = "share"
    SPONSOR = "sponsor"


class Sharing(enum.StrEnum):
    """How a pool is shared."""

    EQUAL = "equal"
    LUCKY = "lucky"


def _id(text: str) -> str:
    if not is_id(text):
        raise typer.BadParameter(
            f"{text[:60]!r} is no id: 3 to 40 small letters, digits and dashes, no dash at either end"
        )
    return text


Campaign = Annotated[str, typer.Argument(callback=_id, help="The campaign.")]


@card_games.command(
    "open",
    epilog="Examples: `hongbao cards open spring-2026 --plan plan.json --sponsor 7 --pool 215000000 "
    "--deadline 2026-02-17T00:18` &nbsp; `hongbao cards open trial-1 --plan plan.json --sponsor 7 "
    "--pool 5000 --opens 2026-02-16T20:00 --deadline 2026-02-16T23:00 --deposit`",
)
def open_(
    campaign: Campaign,
    plan: Annotated[Path, typer.Option(help="The plan file, as `hongbao cards plan` writes it.")],
    sponsor: Annotated[int, typer.Option(min=1, max=(1 << 63) - 1, help="Who pays the pool.")],
    pool: Annotated[str, typer.Option(help="What those who complete a set share, in yuan.")],
    deadline: Annotated[str, typer.Option(help="Day or time, in Beijing, from which on nothing counts.")],
    opens: Annotated[
        str | None, typer.Option(help="Day or time, in Beijing, from which on cards are dealt. Default: now.")
    ] = None,
    wait_until: Annotated[
        str | None,
        typer.Option(help="How long shares wait for people who are not verified. Default: a setting."),
    ] = None,
    share_mode: Annotated[Sharing, typer.Option(help="How the pool is shared.")] = Sharing.EQUAL,
    deals_per_day: Annotated[
        int,
        typer.Option(
            min=0, max=10_000, help="Most cards dealt to a person in a day of Beijing; 0: no limit."
        ),
    ] = 0,
    *,
    deposit: Annotated[
        bool, typer.Option("--deposit", help="First book the pool as money of the sponsor, once: for trials.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Opens the card game of a campaign: holds its pool, and gives every shard its part of the plan.

    The same command again changes nothing and shows the game; with other values it is refused. Every mistake
    in the plan file is named.
    """
    asked = GameAsked(
        campaign_id=campaign,
        sponsor_id=sponsor,
        pool_fen=amount_fen(pool, "--pool"),
        plan=read_plan(plan),
        plan_path=plan,
        opens_at=None if opens is None else moment_of(opens, "--opens"),
        deadline=moment_of(deadline, "--deadline"),
        wait_until=None if wait_until is None else moment_of(wait_until, "--wait-until"),
        share_mode=events.ShareMode.Value(f"SHARE_MODE_{share_mode.name}"),
        deals_per_day_max=deals_per_day,
    )
    if asked.opens_at is not None:
        asked.order(asked.opens_at)  # What the contract would refuse needs no mesh to be told.
    run(open_game(running(home), load(MeshSettings), asked, deposits=deposit))


@card_games.command(
    epilog="Examples: `hongbao cards show spring-2026` &nbsp; `hongbao cards show spring-2026 --watch`"
)
def show(
    campaign: Campaign,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing it until it is closed.")] = False,
    home: Home = HOME,
) -> None:
    """Shows a card game: where its cards are, what each source dealt, sets, and what a share may come to."""
    show_it = watch_game if watch else show_game
    run(show_it(running(home), load(MeshSettings), campaign))


@card_games.command(
    epilog="Examples: `hongbao cards publish spring-2026 --out cards.hongbao` &nbsp; "
    "`hongbao cards publish spring-2026 --out mine.json --person 42 --source tap --key round-1`"
)
def publish(
    campaign: Campaign,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    person: Annotated[
        int | None,
        typer.Option(min=1, max=(1 << 63) - 1, help="Write only the proof of one card of this person."),
    ] = None,
    source: Annotated[Source | None, typer.Option(help="What that card was earned with.")] = None,
    key: Annotated[str | None, typer.Option(help="The key that it was earned with.")] = None,
    home: Home = HOME,
) -> None:
    """Writes what anyone needs to check a closed card game with `hongbao verify`. It names nobody."""
    require_place(out, "--out", replaces=True)
    if (person is None) is not (source is None) or (person is None) is not (key is None):
        raise typer.BadParameter("one card takes all of --person, --source and --key", param_hint="--person")
    if person is None or source is None or key is None:
        run(publish_game(running(home), load(MeshSettings), campaign, out))
        return
    asked = proofs.ProveCardRequest(
        campaign_id=campaign,
        person_id=person,
        source=events.CardSource.Value(f"CARD_SOURCE_{source.name}"),
        source_key=key,
    )
    run(publish_card(running(home), load(MeshSettings), asked, out))


@card_games.command(
    epilog="Examples: `hongbao cards clusters spring-2026` &nbsp; "
    "`hongbao cards clusters spring-2026 --givers-min 50 --csv members.csv`"
)
def clusters(
    campaign: Campaign,
    givers: Annotated[
        int,
        typer.Option(
            "--givers-min",
            min=0,
            max=1_000_000,
            help="From how many people, at least, a hub received; 0: a setting.",
        ),
    ] = 0,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="How many clusters at most.")] = 100,
    out: Annotated[
        Path | None, typer.Option("--csv", help="Write everybody who has to do with them here.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Lists people who collect cards from many, and why their givers look as if they were made for it."""
    if givers == 1:
        raise typer.BadParameter(
            "at least 2 people make a hub; 0 leaves it to a setting", param_hint="--givers-min"
        )
    require_place(out, "--csv", replaces=True)
    asked = flows.ListClustersRequest(campaign_id=campaign, givers_min=givers)
    run(show_clusters(running(home), load(MeshSettings), asked, most, out))
