"""How commands speak: results on standard output, complaints as one line on standard error."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
import uvloop
from rich.console import Console

from services.mesh.errors import ServiceError
from services.mesh.server import StartFailed

T = TypeVar("T")

CONSOLE = Console()
"""Where results go."""
COMPLAINTS = Console(stderr=True)
"""Where complaints go."""
EXIT_INTERRUPTED = 130


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a command; an error of the mesh, or Ctrl-C, becomes one line and an exit code."""
    try:
        # The load of a whole evening passes through this loop.
        return uvloop.run(_until_signal(main))
    except (ServiceError, StartFailed) as error:
        complain(getattr(error, "message", str(error)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        COMPLAINTS.print("interrupted")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def complain(line: str) -> NoReturn:
    """Ends the command with one line and exit code 1."""
    COMPLAINTS.print(f"hongbao: {line}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


async def _until_signal(main: Coroutine[Any, Any, T]) -> T:
    # SIGTERM ends a command as Ctrl-C does: in order, with everything it started.
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
