"""A process that has loaded the services and becomes one of them by forking: a start costs no imports.

Run as a child of the tests. It reads orders, one JSON line each, and answers each with the new process's id.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

from services.mesh.server import run

SERVICES = ("allocation", "cards", "identity", "settlement", "social")
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Forks as long as there are orders; what it started ends with it."""
    roots = {service: import_module(f"services.{service}.__main__").main for service in SERVICES}
    # The kernel takes the dead away, so that nobody needs to wait for them here.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(roots[order["service"]], order)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(root: Any, order: dict[str, Any]) -> None:
    """Runs a service in this process; never returns."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        os.environ.update(order["environment"])
        run(root)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
