"""What `bench taps` plays on: a whole mesh with real people, tokens and rounds, and the echo beside it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from math import ceil
from pathlib import Path

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import events_pb2 as allocation_events
from hongbao.gateway.v1 import gateway_pb2 as gateway
from services.cli.bench.h2load import Tapper
from services.cli.bench.workplace import free_port, workplace
from services.cli.gala.crowd import everyone
from services.cli.gala.evening import PACKET_MAX_FEN_2016, SPONSOR_ID
from services.cli.gala.people import Player, invent_people
from services.cli.gala.players import Phones
from services.cli.local_mesh.layout import GATEWAY, MeshLayout
from services.cli.local_mesh.supervisor import running_mesh
from services.cli.operator import Operator, connected, timestamp
from services.mesh.callgraph import PLAYER
from services.mesh.channel import ChannelFactory
from services.mesh.settings import MeshSettings

_CAMPAIGN = "bench-taps"
_TAPS_MIN, _TAPS_MAX = 5, 60
"""Touches that an app reports at once, as in the gala."""
_PACKET_FEN = 167
"""What a packet was worth in 2016, on average."""
_CAMPAIGN_PACKETS = 10_000_000
_SIGN_UP_AT_ONCE = 32
_LEAD_S = 1.5
"""Between the creation of a round and its opening."""
_FREE_BYTES = 512 * 1024 * 1024
_PACE_PER_S = 1_000_000
"""A person stands for many here and taps faster than one may: the limit is checked, and never met."""


@dataclass(slots=True)
class Stage:
    """What runs, and who taps."""

    folder: Path
    gateway_address: str
    gateway_pid: int
    metrics_port: int
    echo_address: str
    echo_pid: int
    operator: Operator
    players: Iterator[Player]
    """One after the other, over and over."""
    shards: int
    rounds: int = 0

    async def open_round(self, packets: int, seconds: float) -> tuple[str, datetime]:
        """Creates a round with at least that many packets; returns its id and when it opens."""
        self.rounds += 1
        round_id = f"round-{self.rounds}"
        opens_at = datetime.now(UTC) + timedelta(seconds=_LEAD_S)
        packets = max(self.shards, packets)
        await self.operator.create_round(
            allocation.CreateRoundRequest(
                campaign_id=_CAMPAIGN,
                round_id=round_id,
                opens_at=timestamp(opens_at),
                closes_at=timestamp(opens_at + timedelta(seconds=ceil(seconds))),
                budget_fen=packets * _PACKET_FEN,
                packet_count=packets,
                packet_min_fen=1,
                packet_max_fen=PACKET_MAX_FEN_2016,
                release_curve=allocation_events.RELEASE_CURVE_LINEAR,
            )
        )
        return round_id, opens_at

    def tappers(self, round_id: str) -> Iterator[Tapper]:
        """People who tap in a round; each of them reports another number of touches at a time."""
        bodies = {taps: self._body(round_id, taps) for taps in range(_TAPS_MIN, _TAPS_MAX + 1)}
        for player in self.players:
            taps = _TAPS_MIN + player.number % len(bodies)
            yield Tapper(player.token, bodies[taps], taps)

    def _body(self, round_id: str, taps: int) -> Path:
        message = gateway.TapRequest(campaign_id=_CAMPAIGN, round_id=round_id, taps=taps).SerializeToString()
        body = self.folder / f"tap-{taps}.grpc"
        # A gRPC message: not compressed, its length, itself.
        body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        return body


@asynccontextmanager
async def running_stage(people: int, folder: Path | None, settings: MeshSettings) -> AsyncIterator[Stage]:
    """Starts everything and signs the people up; all of it is gone when the block ends."""
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(workplace(folder, bytes_needed=_FREE_BYTES))
        metrics_port, echo_port = free_port(), free_port()
        layout = _layout(place.folder / "mesh", metrics_port)
        layout.home.mkdir()
        mesh = await stack.enter_async_context(running_mesh(layout, lambda _process, _state: None))
        echo = place.start("echo", (sys.executable, "-m", "services.cli.bench.tap_echo", str(echo_port)), {})
        await place.until_listening(echo, echo_port)
        operator = await stack.enter_async_context(connected(layout.etcd_endpoint, settings))
        players = await _sign_up(people, layout, settings)
        budget_fen = _CAMPAIGN_PACKETS * _PACKET_FEN
        await operator.deposit(SPONSOR_ID, budget_fen)
        await operator.create_campaign(_CAMPAIGN, SPONSOR_ID, "Taps", budget_fen)
        yield Stage(
            folder=place.folder,
            gateway_address=layout.gateway_address,
            gateway_pid=mesh.child(GATEWAY).pid,
            metrics_port=metrics_port,
            echo_address=f"127.0.0.1:{echo_port}",
            echo_pid=echo.pid,
            operator=operator,
            players=cycle(players),
            shards=settings.allocation_shards,
        )


def _layout(home: Path, metrics_port: int) -> MeshLayout:
    return MeshLayout(
        home=home,
        gateway_port=free_port(),
        etcd_port=free_port(),
        etcd_peer_port=free_port(),
        # Those who tap are not apps: they do not refresh their tokens.
        environment={"HONGBAO_IDENTITY_TOKEN_TTL_S": "86400"},
        gateway_environment={
            "HONGBAO_METRICS_PORT": str(metrics_port),
            "HONGBAO_GATEWAY_TAPS_PER_S": str(_PACE_PER_S),
            "HONGBAO_GATEWAY_TAPS_AT_ONCE": str(_PACE_PER_S),
        },
    )


async def _sign_up(people: int, layout: MeshLayout, settings: MeshSettings) -> Sequence[Player]:
    players = invent_people(people, _CAMPAIGN)
    apps = ChannelFactory(settings, PLAYER)
    try:
        phones = Phones(apps.channel(layout.gateway_address), _CAMPAIGN)
        await everyone(players, phones.sign_up, _SIGN_UP_AT_ONCE)
    finally:
        await apps.close()
    return players
