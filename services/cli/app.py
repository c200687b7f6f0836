"""The commands of `hongbao`, and where each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_group


class Commands(TyperGroup):
    """Loads what a command stands on when it is called: importing all takes longer than most of them do."""

    GROUPS: ClassVar[Mapping[str, str]] = {
        "bench": "services.cli.bench.commands:benches",
        "cards": "services.cli.cards:cards",
        "cases": "services.cli.cases:cases",
        "circles": "services.cli.circles:circles",
        "disputes": "services.cli.disputes:disputes",
        "keys": "services.cli.keys:keys",
        "partners": "services.cli.partners:partners",
    }
    """Groups of commands by their name."""
    SINGLE: ClassVar[Mapping[str, str]] = {
        "up": "services.cli.evenings:evenings",
        "gala": "services.cli.evenings:evenings",
        "shards": "services.cli.evenings:evenings",
        "books": "services.cli.evenings:evenings",
        "verify": "services.cli.fairness:fairness",
        "beacon": "services.cli.fairness:fairness",
        "publish": "services.cli.fairness:fairness",
        "audit": "services.cli.ledger:ledger",
        "statement": "services.cli.ledger:ledger",
        "migrate": "services.cli.ledger:ledger",
    }
    """Commands by their name, and the group that they are written down with."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's interface
        """All names, as the help shows them."""
        return [*self.SINGLE, *self.GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as above
        """The command of a name; None if there is none."""
        if cmd_name in self.SINGLE:
            return _loaded(self.SINGLE[cmd_name]).commands[cmd_name]
        if cmd_name in self.GROUPS:
            group = _loaded(self.GROUPS[cmd_name])
            group.name = cmd_name
            return group
        return None


def _loaded(place: str) -> Any:
    module, _, name = place.partition(":")
    return get_group(getattr(import_module(module), name))


app = typer.Typer(
    name="hongbao",
    cls=Commands,
    help="Runs a Spring Festival red-packet campaign, on this machine or beside it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def hongbao() -> None:
    """Runs a Spring Festival red-packet campaign, on this machine or beside it."""
