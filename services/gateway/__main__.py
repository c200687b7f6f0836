"""Starts the gateway: `python -m services.gateway`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from services.gateway import api
from services.gateway.adapters.claim_streams import ClaimStreams
from services.gateway.adapters.claims import ClaimPipeline
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.identity import IdentityClient
from services.gateway.adapters.keys import KeyBook
from services.gateway.adapters.proofs import ProofClient
from services.gateway.adapters.rounds import RoundClient
from services.gateway.adapters.stock_watch import StockWatch
from services.gateway.adapters.tokens import TokenVerifier
from services.gateway.domain.desk import TapDesk
from services.gateway.domain.figures import Figures
from services.gateway.domain.pace import Pace
from services.gateway.domain.rounds import RoundBoard
from services.gateway.domain.winners import Unanswered, Winners
from services.gateway.lanes.chat import chat
from services.gateway.lanes.grounds import Bulkheads, Grounds
from services.gateway.lanes.money import money
from services.gateway.lanes.people import people
from services.gateway.lanes.sharing import sharing
from services.gateway.settings import GatewaySettings
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock, SystemClock
from services.mesh.etcd.connect import connect
from services.mesh.logs import start_logging
from services.mesh.member import serve_as_member
from services.mesh.server import MeshServer, Service, run
from services.mesh.settings import load
from services.mesh.shards.directory import Directory
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.routers import open_directory, open_routers
from services.mesh.telemetry import Telemetry, start_telemetry


@dataclass(frozen=True, slots=True)
class Gateway:
    """What is wired: what it serves, and what has to run for it."""

    services: tuple[Service, ...]
    keys: KeyBook
    watch: StockWatch
    streams: ClaimStreams

    async def start(self) -> None:
        """Returns when tokens can be checked and every shard of every stock has been heard of."""
        self.watch.start()
        await self.keys.start()
        await self.watch.complete()

    async def close(self) -> None:
        """Ends what runs."""
        await self.watch.close()
        await self.keys.close()
        await self.streams.close()


def wire(
    settings: GatewaySettings,
    channels: ChannelFactory,
    directory: Directory,
    routers: dict[str, ShardRouter],
    telemetry: Telemetry,
    clock: Clock,
) -> Gateway:
    """The gateway on its channels. `routers` are those of allocation, cards and settlement."""
    figures, forwarding = Figures(), Forwarding(settings, channels, directory, routers, clock)
    keys = KeyBook(IdentityClient(forwarding).public_keys, settings, clock)
    tokens, shard_count = TokenVerifier(keys, settings, clock, figures), settings.allocation_shards
    on = Grounds(settings, tokens, forwarding, Bulkheads.by(settings))
    taps, others = on.bulkheads.taps, on.bulkheads.others
    board, streams = RoundBoard(shard_count), ClaimStreams(channels, telemetry, clock)
    claims = ClaimPipeline(settings, routers["allocation"], streams, figures, clock)
    winners, unanswered = Winners(settings.gateway_winners_max), Unanswered(settings.gateway_unanswered_max)
    pace = Pace(
        taps_per_s=settings.gateway_taps_per_s,
        taps_at_once=settings.gateway_taps_at_once,
        retry_cost_taps=settings.gateway_tap_retry_cost_taps,
        people_max=settings.gateway_tap_people_max,
        now_s=clock.monotonic_s,
    )
    desk = TapDesk(board, winners, unanswered, claims, taps, pace, figures, clock.now_ms)
    return Gateway(
        services=api.services_of(
            api.TapServicer(tokens, desk, RoundClient(forwarding), others, shard_count),
            api.ProofServicer(tokens, ProofClient(forwarding), others),
            api.OperatorServicer(settings.instance, figures, taps, clock),
            *people(on),
            *sharing(on),
            *chat(on),
            *money(on),
        ),
        keys=keys,
        watch=StockWatch(settings, routers["allocation"].map, channels, board, clock),
        streams=streams,
    )


async def main() -> None:
    """Runs until a signal, then leaves the directory, drains and stops."""
    settings, clock = load(GatewaySettings), SystemClock()
    start_logging(settings, "gateway")
    async with contextlib.AsyncExitStack() as stack:
        telemetry = start_telemetry(settings, "gateway")
        stack.callback(telemetry.shutdown)
        channels = ChannelFactory(settings, "gateway", clock=clock)
        stack.push_async_callback(channels.close)
        etcd = connect(settings, clock)
        if etcd is not None:
            stack.push_async_callback(etcd.close)
        directory = await stack.enter_async_context(
            open_directory(settings, clock, etcd, ("identity", "social"))
        )
        routers = await stack.enter_async_context(
            open_routers(settings, clock, etcd, ("allocation", "cards", "settlement"))
        )
        gateway = wire(settings, channels, directory, routers, telemetry, clock)
        stack.push_async_callback(gateway.close)
        server = MeshServer(settings, "gateway", gateway.services, telemetry=telemetry, clock=clock)
        await serve_as_member(server, settings, clock, prepare=gateway.start)


if __name__ == "__main__":
    run(main)
