"""The load of `bench taps` on its echo: the real h2load, a real process."""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path

import pytest

from hongbao.gateway.v1 import gateway_pb2 as gateway
from services.cli.bench.h2load import TAPS_EACH, Tapper, tap_for
from services.cli.bench.tap_counts import echo_counts
from services.cli.bench.workplace import free_port, workplace

METHOD = "hongbao.gateway.v1.TapService/Tap"


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")
async def test_every_tap_that_h2load_sends_is_counted_by_the_server_and_by_its_log(tmp_path: Path) -> None:
    async with workplace(tmp_path) as place:
        port = free_port()
        echo = place.start("echo", (sys.executable, "-m", "services.cli.bench.tap_echo", str(port)), {})
        await place.until_listening(echo, port)
        message = gateway.TapRequest(campaign_id="spring", round_id="one", taps=7).SerializeToString()
        body = place.folder / "tap.grpc"
        body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        people = itertools.repeat(Tapper("a-token", body, taps=7))

        load = await tap_for(0.6, f"http://127.0.0.1:{port}/{METHOD}", people, place.folder)
        counts = await echo_counts(echo.pid, f"127.0.0.1:{port}")

    assert load.requests == load.answered == counts.ok == load.people * TAPS_EACH
    assert load.interactions == 7 * load.answered
    assert 0 <= load.counted <= load.answered
    assert counts.cpu_us_per_call > 0
