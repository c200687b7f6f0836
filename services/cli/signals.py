"""What Ctrl-C, SIGTERM and a closed terminal do to a command. Imports next to nothing: it must be first."""

from __future__ import annotations

import os
import signal
from types import FrameType

EXIT_INTERRUPTED = 130


def ending_signals() -> list[signal.Signals]:
    """The signals that ask a command to end; a hang-up only where nobody (nohup) said to live on."""
    asked = [signal.SIGINT, signal.SIGTERM]
    return asked if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*asked, signal.SIGHUP]


def answer_signals() -> None:
    """Lets such a signal end the process at once: for times when nothing runs that needs an orderly end."""
    for number in ending_signals():
        signal.signal(number, _leave)


def _leave(_number: int, _frame: FrameType | None) -> None:
    # An exception could be raised anywhere, in the middle of an import too, and be shown or swallowed there.
    os.write(2, b"interrupted\n")
    os._exit(EXIT_INTERRUPTED)
