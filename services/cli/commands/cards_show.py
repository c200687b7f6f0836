"""`hongbao cards show`: a card game as it stands, or as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as events
from hongbao.cards.v1 import figures_pb2 as pb
from hongbao.cards.v1 import figures_pb2_grpc as figures_grpc
from services.cli.commands.statement import BEIJING
from services.cli.console import CONSOLE
from services.cli.gala.progress import yuan
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import Operator, connected
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.settings import MeshSettings

_RETRIES_MAX = 20
"""How often a stream that broke is opened again without any news in between."""
_RETRY_S = 1.0
_PASSING = {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE, ErrorKind.EXHAUSTED}


async def show_game(mesh: MeshRecord, settings: MeshSettings, campaign_id: str) -> None:
    """Prints a game as it stands."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        await print_game(operator, await operator.game(campaign_id))


async def watch_game(mesh: MeshRecord, settings: MeshSettings, campaign_id: str) -> None:
    """Shows how a game goes until it is closed: on a terminal all of it, elsewhere a line for each change."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        if CONSOLE.is_terminal:
            with Live(console=CONSOLE, auto_refresh=False) as live:
                await follow(operator, campaign_id, lambda now: live.update(_screen(now), refresh=True))
        else:
            await follow(operator, campaign_id, _Lines().tell)


async def follow(operator: Operator, campaign_id: str, tell: Callable[[pb.GameFigures], None]) -> None:
    """Tells the figures of a game whenever they change, until it is closed, also over a change of owners."""
    request = pb.WatchFiguresRequest(campaign_id=campaign_id)
    home, failures = operator.cards_home(campaign_id), 0
    while True:
        try:
            answers = operator.from_cards(
                home, lambda channel: figures_grpc.FiguresServiceStub(channel).WatchFigures(request)
            )
            async for answer in answers:
                tell(answer.figures)
                failures = 0
                if answer.figures.phase == cards.GAME_PHASE_CLOSED:
                    return
        except ServiceError as error:
            is_passing = error.kind in _PASSING or error.reason == "SHARD_NOT_OWNED"
            if not is_passing or failures >= _RETRIES_MAX:
                raise
        failures += 1
        await asyncio.sleep(_RETRY_S)


async def print_game(operator: Operator, game: cards.Game) -> None:
    """Prints a game: where its cards are, what is fixed, and how it ended if it has."""
    request = pb.GetFiguresRequest(campaign_id=game.campaign_id)
    answer = await operator.at_cards(
        operator.cards_home(game.campaign_id),
        lambda channel, timeout_s: figures_grpc.FiguresServiceStub(channel).GetFigures(
            request, timeout=timeout_s
        ),
    )
    CONSOLE.print(_screen(answer.figures))
    _line(f"sponsor: {game.sponsor_id}; commitment: {game.seed_commitment.hex()}")
    if game.HasField("decision"):
        _line(f"remainder: {game.decision.remainder_fen:,} fen; seed: {game.decision.seed.hex()}")


class _Lines:
    """A line whenever cards or sets moved. The forecast alone changes with every look."""

    def __init__(self) -> None:
        self._moved: tuple[object, ...] = ()

    def tell(self, figures: pb.GameFigures) -> None:
        """Prints a line if there is news."""
        moved = (figures.phase, figures.sets_completed, *(_counts(place) for place in figures.cards))
        if moved != self._moved:
            self._moved = moved
            _line(_summary(figures))


def _screen(figures: pb.GameFigures) -> Group:
    """Everything that figures tell, for a person."""
    span = f"{_beijing(figures.opens_at)} to {_beijing(figures.deadline)} (Beijing)"
    return Group(
        Text(f"{figures.campaign_id}: {_phase(figures)}, {span}", style="bold"),
        _cards_table(figures),
        Text(f"dealt by {_sources(figures)}"),
        Text(
            f"people with cards: {figures.holder_count:,}; sets: {figures.sets_completed:,}, "
            f"{figures.sets_recent:,} in the last {_time(figures.recent_ms)}"
        ),
        Text(_share(figures)),
    )


def _cards_table(figures: pb.GameFigures) -> Table:
    table = Table()
    table.add_column("card", overflow="fold")
    for header in ("limit", "issued", "left", "held", "offered", "in transit", "spent"):
        table.add_column(header, justify="right")
    for place in figures.cards:
        table.add_row(_card(place.card), *(f"{count:,}" for count in _counts(place)))
    return table


def _counts(place: pb.CardPlaces) -> tuple[int, ...]:
    here = (place.issue_limit, place.issued, place.left, place.held)
    return (*here, place.offered, place.in_transit, place.spent)


def _summary(figures: pb.GameFigures) -> str:
    """What figures tell, on one line."""
    issued = sum(place.issued for place in figures.cards)
    scarcest = min(figures.cards, key=lambda place: place.left)
    return (
        f"[{_beijing(figures.read_at)}] {_phase(figures)}: {issued:,} cards issued, "
        f"{scarcest.left:,} {_card(scarcest.card)} left; {figures.sets_completed:,} sets; {_share(figures)}"
    )


def _share(figures: pb.GameFigures) -> str:
    forecast = figures.forecast
    pool = f"{yuan(forecast.pool_fen)} yuan"
    kind = "mean share" if forecast.share_mode == events.SHARE_MODE_LUCKY else "share"
    if figures.phase == cards.GAME_PHASE_CLOSED:
        # Nothing is expected any more: all three are the same.
        return f"{kind} of {pool}: {yuan(forecast.share_expected_fen)} yuan"
    low, expected, high = (
        yuan(share_fen)
        for share_fen in (forecast.share_low_fen, forecast.share_expected_fen, forecast.share_high_fen)
    )
    return f"{kind} of {pool}: {low} to {high}, about {expected} yuan as it goes"


def _sources(figures: pb.GameFigures) -> str:
    return ", ".join(
        f"{events.CardSource.Name(source.source).removeprefix('CARD_SOURCE_').lower()} "
        f"{source.dealt:,} of {source.card_quota:,}"
        for source in figures.sources
    )


def _phase(figures: pb.GameFigures) -> str:
    return cards.GamePhase.Name(figures.phase).removeprefix("GAME_PHASE_").lower()


def _card(card: events.Card.ValueType) -> str:
    return events.Card.Name(card).removeprefix("CARD_").lower()


def _time(time_ms: int) -> str:
    minutes = time_ms // 60_000
    return f"{minutes} min" if minutes else f"{time_ms // 1000} s"


def _beijing(moment: Timestamp) -> str:
    """A moment as a clock in Beijing shows it."""
    return f"{moment.ToDatetime(UTC).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def _line(text: str) -> None:
    CONSOLE.print(text, markup=False, highlight=False, soft_wrap=True)
