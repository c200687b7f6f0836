"""`hongbao cards show`: a card game as it stands."""

from __future__ import annotations

from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as events
from services.cli.commands.statement import BEIJING
from services.cli.console import CONSOLE
from services.cli.gala.progress import yuan
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.mesh.settings import MeshSettings


async def show_game(mesh: MeshRecord, settings: MeshSettings, campaign_id: str) -> None:
    """Prints a game as it stands."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        print_game(await operator.game(campaign_id))


def print_game(game: cards.Game) -> None:
    """Prints a game: what it is, its cards, and how it ended if it has."""
    CONSOLE.print(_cards_table(game))
    phase = cards.GamePhase.Name(game.phase).removeprefix("GAME_PHASE_").lower()
    _line(f"{phase}, from {beijing(game.opens_at)} to {beijing(game.deadline)} (Beijing)")
    _line(f"pool: {yuan(game.pool_fen)} yuan of sponsor {game.sponsor_id}")
    _line(f"sets completed: {game.sets_completed:,}")
    _line(f"commitment: {game.seed_commitment.hex()}")
    if game.HasField("decision"):
        decision = game.decision
        _line(f"share: {yuan(decision.share_fen)} yuan, {decision.remainder_fen:,} fen remain")
        _line(f"seed: {decision.seed.hex()}")


def card_name(card: events.Card.ValueType) -> str:
    """A card's name in small letters."""
    return events.Card.Name(card).removeprefix("CARD_").lower()


def beijing(moment: Timestamp) -> str:
    """A moment as a clock in Beijing shows it."""
    return f"{moment.ToDatetime(UTC).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def _cards_table(game: cards.Game) -> Table:
    table = Table(title=f"Cards of {game.campaign_id}", title_justify="left")
    table.add_column("card", overflow="fold")
    for header in ("limit", "issued", "left"):
        table.add_column(header, justify="right")
    for figures in game.cards:
        left = figures.issue_limit - figures.issued
        table.add_row(card_name(figures.card), f"{figures.issue_limit:,}", f"{figures.issued:,}", f"{left:,}")
    return table


def _line(text: str) -> None:
    CONSOLE.print(text, markup=False, highlight=False, soft_wrap=True)
