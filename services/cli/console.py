"""How commands speak: results on standard output, complaints as one line on standard error."""

from __future__ import annotations

import asyncio
import errno
import os
import unicodedata
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import typer
import uvloop
from rich.console import Console

from services.cli.signals import EXIT_INTERRUPTED, answer_signals, ending_signals
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.server import StartFailed

T = TypeVar("T")

_PIPE_COLUMNS = 160
"""How wide tables are where no terminal says how wide it is."""


def _width() -> int | None:
    return None if os.isatty(1) or "COLUMNS" in os.environ else _PIPE_COLUMNS


CONSOLE = Console(width=_width())
"""Where results go."""
COMPLAINTS = Console(stderr=True)
"""Where complaints go."""


def visible(text: str) -> str:
    """A text of others, on one line; what would move the cursor, colour or turn letters is spelled out."""
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else ascii(letter)[1:-1]
        for letter in text
    )


class Refusal(ServiceError):
    """What a command itself says no to; the message is one line with what to do."""

    kind = ErrorKind.PRECONDITION
    domain = "hongbao.cli"
    reason = "REFUSED"


def answer(command_line: Callable[[], object]) -> None:
    """Runs the command line; whatever it fails with becomes one line and an exit code.

    With HONGBAO_LOG_LEVEL=debug the line is followed by where in the code that was.
    """
    try:
        command_line()
    except Exception as failure:  # noqa: BLE001 - an operator is told in one line, whatever it is
        line = " ".join(sentence_for(failure).split())
        _say(f"hongbao: {line}", style="red")
        if os.environ.get("HONGBAO_LOG_LEVEL", "").lower() == "debug":
            COMPLAINTS.print_exception()
        raise SystemExit(1) from None


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a command's own work; Ctrl-C, SIGTERM or a closed terminal ends it in order, exit code 130."""
    try:
        # The load of a whole evening passes through this loop.
        return uvloop.run(_until_signal(main))
    except asyncio.CancelledError:
        _say("interrupted")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        # The loop has put back what Python does by itself, which is a traceback.
        answer_signals()


def sentence_for(failure: BaseException) -> str:
    """What an operator is told about a failure."""
    match failure:
        case BaseExceptionGroup():
            return sentence_for(failure.exceptions[0])
        case ServiceError():
            return _sentence_for_error(failure)
        case StartFailed():
            return str(failure)
        case OSError() if failure.strerror:
            place = failure.filename or ("the output" if failure.errno == errno.ENOSPC else "a file or port")
            return f"cannot use {place}: {failure.strerror.lower()}"
        case _:
            return f"this should not have happened: {type(failure).__name__}: {failure} ({_where(failure)})"


def _sentence_for_error(error: ServiceError) -> str:
    if error.domain == Refusal.domain:
        return error.message
    if error.kind is ErrorKind.DEADLINE:
        return f"the mesh did not answer in time ({error.message}); its logs may say why"
    if error.kind is ErrorKind.UNAVAILABLE:
        return f"{error.message}; see `hongbao shards` and the logs of the mesh"
    return error.message


def _where(failure: BaseException) -> str:
    trace = failure.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}" if trace else "nowhere"


def _say(line: str, style: str = "") -> None:
    COMPLAINTS.print(visible(line), style=style, markup=False, highlight=False, soft_wrap=True)


async def _until_signal(main: Coroutine[Any, Any, T]) -> T:
    # Every signal cancels anew: who is asked a second time while ending in order ends at once.
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, task.cancel)
    return await task
