"""What has happened so far, and how it is shown while the evening runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

_REFRESH_S = 0.25
_PLAIN_LINE_S = 2.0


@dataclass(slots=True)
class Progress:
    """The evening's counters; acts write them, the display reads them."""

    act: str = "starting"
    people_verified: int = 0
    people: int = 0
    friendships: int = 0
    friendships_planned: int = 0
    round_number: int = 0
    rounds: int = 0
    packets_left: int = 0
    taps: int = 0
    """Single taps of fingers so far."""
    tap_calls: int = 0
    """Calls that reported them."""
    packets_won: int = 0
    won_fen: int = 0
    cards_left: int = 0
    """Not dealt yet. This and the next two are what the gateway says of the game, a moment ago."""
    cards_dealt: int = 0
    sets_completed: int = 0
    share_fen: tuple[int, int, int] = (0, 0, 0)
    """What a share of the pool may come to: at least, as it looks, at most."""
    gifts: int = 0
    """Cards that people gave each other."""
    envelopes: int = 0
    """Packets that people sent each other."""
    shares: int = 0
    """What others got out of them."""
    settled_fen: int = 0
    """Money that has reached wallets, fen."""
    started_s: float = field(default_factory=time.monotonic)

    def elapsed_s(self) -> float:
        """Seconds since the evening began."""
        return time.monotonic() - self.started_s


def yuan(amount_fen: int) -> str:
    """An amount for people: `12,345.67`."""
    sign, amount_fen = ("-" if amount_fen < 0 else ""), abs(amount_fen)
    return f"{sign}{amount_fen // 100:,}.{amount_fen % 100:02d}"


@contextlib.asynccontextmanager
async def shown(progress: Progress, console: Console) -> AsyncIterator[None]:
    """Shows the progress while the body runs: a live table on a terminal, elsewhere a line now and then."""
    show = _show_live if console.is_terminal else _show_lines
    display = asyncio.create_task(show(progress, console))
    try:
        yield
    finally:
        display.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await display


async def _show_live(progress: Progress, console: Console) -> None:
    meter = _Meter()
    with Live(_table(progress, 0), console=console, transient=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(_REFRESH_S)
            live.update(_table(progress, meter.taps_per_s(progress)), refresh=True)


async def _show_lines(progress: Progress, console: Console) -> None:
    meter = _Meter()
    while True:
        await asyncio.sleep(_PLAIN_LINE_S)
        facts = " | ".join(f"{name} {value}" for name, value in _facts(progress, meter.taps_per_s(progress)))
        console.print(
            f"[{progress.elapsed_s():6.1f} s] {progress.act}: {facts}", highlight=False, markup=False
        )


def _table(progress: Progress, taps_per_s: float) -> Table:
    table = Table(
        title=f"{progress.act}  ({progress.elapsed_s():.0f} s)", show_header=False, title_justify="left"
    )
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in _facts(progress, taps_per_s):
        table.add_row(name, value)
    return table


def _facts(progress: Progress, taps_per_s: float) -> list[tuple[str, str]]:
    return [
        ("people", f"{progress.people_verified:,}/{progress.people:,}"),
        ("friendships", f"{progress.friendships:,}/{progress.friendships_planned:,}"),
        ("round", f"{progress.round_number}/{progress.rounds}"),
        ("packets left", f"{progress.packets_left:,}"),
        ("taps/s", f"{taps_per_s:,.0f}"),
        ("won", f"{progress.packets_won:,} packets, {yuan(progress.won_fen)} yuan"),
        (
            "cards",
            f"{progress.cards_left:,} left, {progress.cards_dealt:,} dealt, {progress.gifts:,} given",
        ),
        ("sets", f"{progress.sets_completed:,}, {_forecast(*progress.share_fen)}"),
        ("shared", f"{progress.envelopes:,} packets, {progress.shares:,} shares"),
        ("settled", f"{yuan(progress.settled_fen)} yuan"),
    ]


def _forecast(low_fen: int, expected_fen: int, high_fen: int) -> str:
    if low_fen == expected_fen == high_fen:
        return f"{yuan(low_fen)} yuan each"
    return f"about {yuan(expected_fen)} yuan each ({yuan(low_fen)} to {yuan(high_fen)})"


class _Meter:
    """Taps a second since it was last asked."""

    def __init__(self) -> None:
        self._taps, self._at_s = 0, time.monotonic()

    def taps_per_s(self, progress: Progress) -> float:
        now_s = time.monotonic()
        rate = (progress.taps - self._taps) / max(now_s - self._at_s, 1e-6)
        self._taps, self._at_s = progress.taps, now_s
        return rate
