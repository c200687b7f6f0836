"""Two replicas of identity on one database and a gateway before them, on a network in the process."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc, session_pb2, session_pb2_grpc
from services.gateway.__main__ import wire as wire_gateway
from services.gateway.settings import GatewaySettings
from services.identity.__main__ import wire as wire_identity
from services.identity.adapters.tables import schema
from services.identity.settings import IdentitySettings
from services.mesh.channel import ChannelFactory
from services.mesh.clock import SystemClock
from services.mesh.database.database import Database
from services.mesh.local import LocalNetwork
from services.mesh.room import at_work, services_of
from services.mesh.server import MeshServer
from services.mesh.shards.directory import Directory
from services.mesh.shards.map import StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import Telemetry

REPLICAS = ("identity-0", "identity-1")
PATIENCE_S = 30.0
"""Longest wait, on however slow a machine."""
LOOK_S = 0.01
_phones = itertools.count(13_900_139_000)


@dataclass(slots=True)
class App:
    """Somebody's app: what it was given, and how it asks."""

    accounts: Any
    sessions: Any
    account_id: int = 0
    secret: str = field(default="", repr=False)
    tokens: Any = None

    async def sign_in(self) -> None:
        request = gateway_pb2.IssueTokenRequest(account_id=self.account_id, login_secret=self.secret)
        self.tokens = await self.accounts.IssueToken(request)

    async def refresh(self) -> None:
        request = session_pb2.RefreshTokenRequest(
            refresh_token=self.tokens.refresh_token, request_id=str(uuid.uuid4())
        )
        self.tokens = await self.sessions.RefreshToken(request)

    async def look(self) -> Any:
        """A call with the access token."""
        return await self.sessions.ListSessions(
            session_pb2.ListSessionsRequest(), metadata=self.credentials()
        )

    def credentials(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.tokens.access_token}"),)


class LoginMesh:
    """Use as a context manager."""

    def __init__(self, folder: Path, **identity: Any) -> None:
        self.clock = SystemClock()
        self.network = LocalNetwork(self.clock)
        self._folder = folder
        self._identity = identity
        self._replicas: dict[str, AsyncExitStack] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for name in REPLICAS:
            await self.start_replica(name)
        settings = GatewaySettings(instance="gateway-1", gateway_lanes=("people",))
        channels = self._channels(settings, "gateway")
        directory = Directory(fixed={"identity": [f"local/{name}" for name in REPLICAS]}, clock=self.clock)
        routers = {
            service: ShardRouter(StaticShardMap(service, 1), clock=self.clock)
            for service in ("allocation", "cards", "settlement")
        }
        telemetry = Telemetry(settings, "gateway", ())
        gateway = wire_gateway(settings, channels, directory, routers, telemetry, self.clock)
        server = MeshServer(
            settings,
            "gateway",
            gateway.services,
            telemetry=telemetry,
            clock=self.clock,
            network=self.network,
        )
        address = await server.start()
        self._stack.callback(self.network.cut, address)
        self._stack.push_async_callback(gateway.close)
        await gateway.start()
        channel = self._channels(settings, "player").channel(address)
        self._accounts = gateway_pb2_grpc.AccountServiceStub(channel)
        self._sessions = session_pb2_grpc.SessionServiceStub(channel)
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()
        for name in list(self._replicas):
            await self.stop_replica(name)

    async def app(self) -> App:
        """A new account's app, signed in."""
        app = App(self._accounts, self._sessions)
        request = gateway_pb2.RegisterRequest(
            request_id=str(uuid.uuid4()), phone=str(next(_phones)), display_name="小明"
        )
        registered = await self._accounts.Register(request)
        app.account_id, app.secret = registered.account_id, registered.login_secret
        await app.sign_in()
        return app

    async def start_replica(self, name: str, **settings: Any) -> None:
        """Starts a process of identity."""
        chosen = IdentitySettings(
            instance=name, database_url=f"sqlite:{self._folder}", **{**self._identity, **settings}
        )
        stack = self._replicas[name] = AsyncExitStack()
        database = await Database.open(chosen, schema)
        stack.push_async_callback(database.close)
        rooms = wire_identity(chosen, database, self.clock)
        await stack.enter_async_context(at_work(rooms))
        server = MeshServer(
            chosen,
            "identity",
            services_of(rooms),
            telemetry=Telemetry(chosen, "identity", ()),
            clock=self.clock,
            network=self.network,
        )
        stack.callback(self.network.cut, await server.start())

    async def stop_replica(self, name: str) -> None:
        """Takes a process of identity away."""
        await self._replicas.pop(name).aclose()

    def _channels(self, settings: Any, caller: str) -> ChannelFactory:
        channels = ChannelFactory(settings, caller, network=self.network)
        self._stack.push_async_callback(channels.close)
        return channels


async def comes_true(look: Callable[[], Awaitable[bool]]) -> float:
    """Waits until something is so; how long that took, in seconds. Raises AssertionError when it never is."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if await look():
            return loop.time() - began_s
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"it did not come true in {PATIENCE_S} s")
