"""The commands of `hongbao` with which anyone can check what was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.allocation.domain.proofs import PACKETS_MAX
from services.cli.commands.beacon import tell_beacon
from services.cli.commands.publish import publish_proof, publish_round
from services.cli.commands.verify import verify_offline, verify_rounds
from services.cli.console import run
from services.cli.operator import is_id
from services.cli.options import HOME, Home, require_success, running, whole_id
from services.cli.places import require_place
from services.cli.proofs.bounds import CARDS_MAX_DEFAULT, PACKETS_MAX_DEFAULT
from services.mesh.settings import MeshSettings, load

fairness = typer.Typer()


@fairness.command(
    epilog="Examples: `hongbao verify round-1.hongbao` &nbsp; `hongbao verify gala-20260207-200000` &nbsp; "
    "`hongbao verify gala-20260207-200000 round-1` &nbsp; `hongbao verify cards.hongbao --person 42`"
)
def verify(
    what: Annotated[str, typer.Argument(help="A published file or a proof; or a campaign of the mesh.")],
    round_id: Annotated[
        str | None,
        typer.Argument(callback=whole_id, help="One of the campaign's rounds. Default: every closed one."),
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
    campaign_id = str(whole_id(what))
    require_success(run(verify_rounds(running(home), load(MeshSettings), campaign_id, round_id)))


@fairness.command(epilog="Example: `hongbao beacon spring-2026 round-1 8a5f...0c` (16 to 64 bytes)")
def beacon(
    campaign_id: Annotated[str, typer.Argument(callback=whole_id, help="The campaign.")],
    round_id: Annotated[str, typer.Argument(callback=whole_id, help="The round that waits for it.")],
    value: Annotated[str, typer.Argument(help="What the announced source has shown, hexadecimal.")],
    home: Home = HOME,
) -> None:
    """Tells what a round's announced beacon has shown; only then its amounts are drawn, and it opens.

    The value is recorded for ever. Everybody can look it up at its source.
    """
    shown = _bytes(value)
    run(tell_beacon(running(home), load(MeshSettings), campaign_id, round_id, shown))


@fairness.command(
    epilog="Examples: `hongbao publish gala-20260207-200000 round-1 --out round-1.hongbao` &nbsp; "
    "`hongbao publish gala-20260207-200000 round-1 --person 42 --out mine.json`"
)
def publish(
    campaign_id: Annotated[str, typer.Argument(callback=whole_id, help="The campaign.")],
    round_id: Annotated[str, typer.Argument(callback=whole_id, help="The closed round.")],
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
