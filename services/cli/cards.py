"""The commands of `hongbao cards`, their options and their help."""

from __future__ import annotations

import typer

from services.cli.card_games import card_games
from services.cli.card_plans import card_plans

cards = typer.Typer(
    no_args_is_help=True, help="Plans, opens and watches card games. See the card service's README."
)

cards.add_typer(card_games)
cards.add_typer(card_plans)
