"""An echo service as a process of its own. "wait" is answered once "go" has been said."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from services.mesh.clock import SystemClock
from services.mesh.server import MeshServer, run
from services.mesh.settings import MeshSettings, load
from services.mesh.telemetry import start_telemetry
from tests.unit.mesh.echo import Echo, echo_service


async def main() -> None:
    settings = load(MeshSettings)
    may_go = asyncio.Event()

    async def on_say(request: Any, _context: Any) -> None:
        if request.text == "wait":
            say("waiting")
            await may_go.wait()
        elif request.text == "go":
            may_go.set()

    async def on_drain() -> None:
        say("draining")

    telemetry = start_telemetry(settings, "echo")
    server = MeshServer(
        settings,
        "echo",
        [echo_service(Echo(on_say))],
        telemetry=telemetry,
        clock=SystemClock(),
        is_allowed=lambda _caller, _method: True,
    )
    say(await server.start())
    await server.set_ready(True)
    await server.run_until_signal(on_drain)
    telemetry.shutdown()
    say("ended")


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    run(main)
