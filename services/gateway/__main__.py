"""Starts the gateway: `python -m services.gateway`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from services.gateway import api
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.identity import IdentityClient
from services.gateway.adapters.keys import KeyBook
from services.gateway.adapters.revocations import RevocationWatch
from services.gateway.adapters.tokens import TokenVerifier
from services.gateway.domain.figures import Figures
from services.gateway.domain.revocations import RevokedSessions
from services.gateway.lanes.chat import chat
from services.gateway.lanes.grounds import Bulkheads, Grounds, person_limits
from services.gateway.lanes.money import money
from services.gateway.lanes.people import people
from services.gateway.lanes.sharing import sharing
from services.gateway.lanes.taps import Taps, taps
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
    revocations: RevocationWatch
    taps: Taps | None
    """None when another gateway answers taps."""

    async def start(self) -> None:
        """Returns when tokens can be checked and every shard of every stock has been heard of."""
        await self.keys.start()
        await self.revocations.start()
        if self.taps is not None:
            await self.taps.start()

    async def close(self) -> None:
        """Ends what runs."""
        if self.taps is not None:
            await self.taps.close()
        await self.revocations.close()
        await self.keys.close()


def wire(
    settings: GatewaySettings,
    channels: ChannelFactory,
    directory: Directory,
    routers: dict[str, ShardRouter],
    telemetry: Telemetry,
    clock: Clock,
) -> Gateway:
    """The gateway on its channels, with the lanes of the settings.

    `routers` are those of allocation, cards and settlement.
    """
    figures, forwarding = Figures(), Forwarding(settings, channels, directory, routers, clock)
    keys = KeyBook(IdentityClient(forwarding).public_keys, settings, clock)
    revoked = RevokedSessions(settings.gateway_revocations_max)
    tokens = TokenVerifier(keys, settings, clock, figures, revoked)
    bulkheads = Bulkheads.by(settings, clock.monotonic_s)
    person = person_limits(settings, bulkheads, clock.monotonic_s)
    on = Grounds(settings, tokens, forwarding, bulkheads, person, clock)
    lanes = settings.gateway_lanes
    tapped = taps(on, routers["allocation"], channels, figures, telemetry, clock) if "taps" in lanes else None
    others = {"people": people, "sharing": sharing, "chat": chat, "money": money}
    servicers = [servicer for lane, made in others.items() if lane in lanes for servicer in made(on)]
    return Gateway(
        services=api.services_of(
            *(tapped.servicers if tapped is not None else ()),
            api.OperatorServicer(settings.instance, figures, bulkheads.taps, person, clock),
            *servicers,
        ),
        keys=keys,
        revocations=RevocationWatch(settings, channels, directory, revoked, clock),
        taps=tapped,
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
