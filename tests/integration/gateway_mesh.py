"""A gateway on a network in the process, with owners of stocks and an identity that do as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from hongbao.identity.v1 import identity_pb2, identity_pb2_grpc, session_pb2, session_pb2_grpc
from services.gateway.__main__ import Gateway, wire
from services.gateway.settings import GatewaySettings
from services.mesh.channel import ChannelFactory
from services.mesh.clock import ManualClock
from services.mesh.errors import ServiceError
from services.mesh.interceptors.errors import to_status
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer, Service
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.errors import ShardNotOwned
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import Telemetry
from services.mesh.wakeup import Wakeup

SHARDS = 2
KEY_ID = "0123456789abcdef"
CAMPAIGN, ROUND = "spring-2016", "round-1"
STOCK = f"{CAMPAIGN}.{ROUND}"
CLAIM_BATCH = "hongbao.allocation.v1.ClaimService/ClaimBatch"


class Owner(allocation_pb2_grpc.ClaimServiceServicer):
    """An allocation process: everybody wins a packet of 100 fen more than the one before."""

    def __init__(self, *shards: int) -> None:
        self.shards = list(shards)
        self.batches: list[Any] = []
        self.watchers: list[str] = []
        self.phase: Any = allocation_pb2.STOCK_PHASE_OPEN
        self.tokens = 1_000_000
        self.outcome: Any = allocation_pb2.CLAIM_OUTCOME_WON
        self.refusal: ServiceError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.closes_at_ms = 0
        self._changed = asyncio.Event()

    def say(self, phase: Any, tokens: int = 0) -> None:
        """Publishes another state of the stock."""
        self.phase, self.tokens = phase, tokens
        self._changed.set()

    async def WatchStocks(self, request: Any, _context: Any) -> AsyncIterator[Any]:  # noqa: N802 - gRPC's name
        self.watchers.append(request.instance)
        while True:
            self._changed.clear()
            yield self._picture()
            await self._changed.wait()

    async def ClaimBatch(self, requests: Any, _context: Any) -> AsyncIterator[Any]:  # noqa: N802 - gRPC's name
        async for request in requests:
            self.batches.append(request)
            await self.gate.wait()
            yield self._answer(request)

    def _picture(self) -> Any:
        picture = allocation_pb2.WatchStocksResponse(shards=self.shards)
        for shard in self.shards:
            stock = picture.stocks.add(
                stock_id=STOCK,
                campaign_id=CAMPAIGN,
                round_id=ROUND,
                shard=shard,
                phase=self.phase,
                admission_tokens=self.tokens,
            )
            stock.closes_at.FromMilliseconds(self.closes_at_ms)
        return picture

    def _answer(self, request: Any) -> Any:
        if request.shard not in self.shards:
            refusal = ShardNotOwned("not mine", shard=request.shard)
            return allocation_pb2.ClaimBatchResponse(batch_id=request.batch_id, error=to_status(refusal))
        if self.refusal is not None:
            return allocation_pb2.ClaimBatchResponse(batch_id=request.batch_id, error=to_status(self.refusal))
        people = range(len(request.person_ids))
        has_packet = self.outcome == allocation_pb2.CLAIM_OUTCOME_WON
        return allocation_pb2.ClaimBatchResponse(
            batch_id=request.batch_id,
            outcomes=[self.outcome for _ in people],
            amounts_fen=[100 * (index + 1) if has_packet else 0 for index in people],
            packet_indexes=[index if has_packet else -1 for index in people],
        )


class Identity(identity_pb2_grpc.IdentityServiceServicer):
    """Publishes keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys = {KEY_ID: Ed25519PrivateKey.generate()}

    async def GetPublicKeys(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        self.asked += 1
        response = identity_pb2.GetPublicKeysResponse()
        for key_id, key in self.keys.items():
            raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            response.keys.add(key_id=key_id, ed25519_public_key=raw)
        return response


class Sessions(session_pb2_grpc.SessionServiceServicer):
    """Tells of revoked sessions, and says once a second that it is there."""

    def __init__(self, clock: ManualClock) -> None:
        self.revoked: list[tuple[int, int]] = []
        self.followers: list[int] = []
        """After which revocation each stream began."""
        self.is_silent = False
        self.frozen = frozenset[int]()
        """Streams that say nothing any more, by their place among the followers."""
        self._clock = clock
        self._changed = Wakeup()

    def revoke(self, session_id: int) -> None:
        self.revoked.append((session_id, self._clock.now_ms() + 3_600_000))
        self._changed.call()

    async def WatchRevocations(self, request: Any, _context: Any) -> AsyncIterator[Any]:  # noqa: N802 - gRPC's name
        seq, place = request.after_seq, len(self.followers)
        self.followers.append(seq)
        while True:
            if not self.is_silent and place not in self.frozen:
                told = session_pb2.WatchRevocationsResponse(last_seq=len(self.revoked), complete=True)
                for session_id, ends_ms in self.revoked[seq:]:
                    told.revocations.add(session_id=session_id).ends_at.FromMilliseconds(ends_ms)
                seq = len(self.revoked)
                yield told
            await self._changed.wait(1.0, self._clock)


class GatewayMesh:
    """A gateway with two owners, of one shard each. Use as a context manager."""

    def __init__(self, telemetry: Telemetry | None = None, **settings: Any) -> None:
        self.clock = ManualClock()
        self.network = LocalNetwork(self.clock)
        self.settings = GatewaySettings(instance="gateway-1", allocation_shards=SHARDS, **_small(settings))
        self.telemetry = telemetry or Telemetry(self.settings, "gateway", ())
        self.owners = [Owner(0), Owner(1)]  # type: ignore[abstract]  # the gateway asks for nothing else
        self.identity = Identity()  # type: ignore[abstract]  # as above
        self.sessions = Sessions(self.clock)  # type: ignore[abstract]  # as above
        self.map = StaticShardMap("allocation", SHARDS)
        self.addresses: list[str] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for number, owner in enumerate(self.owners):
            owner.closes_at_ms = self.clock.now_ms() + 300_000
            self.addresses.append(await self._serve(f"allocation-{number}", _claims(owner)))
            self.map.assign(number, self.owner_of(number))
        identity = await self._serve("identity-0", _identity(self.identity), _sessions(self.sessions))
        gateway = self._wire(identity)
        server = MeshServer(
            self.settings,
            "gateway",
            gateway.services,
            telemetry=self.telemetry,
            clock=self.clock,
            network=self.network,
        )
        self.address = await server.start()
        self._stack.callback(self.network.cut, self.address)
        self._stack.push_async_callback(gateway.close)
        await gateway.start()
        players = ChannelFactory(self.settings, "player", network=self.network)
        operators = ChannelFactory(self.settings, "operator", network=self.network)
        self._stack.push_async_callback(players.close)
        self._stack.push_async_callback(operators.close)
        self.player = gateway_pb2_grpc.TapServiceStub(players.channel(self.address))
        self.operator = gateway_pb2_grpc.OperatorServiceStub(operators.channel(self.address))
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()

    def owner_of(self, number: int, epoch: int = 1) -> ShardOwner:
        """The owner with this number, as a shard map names it."""
        return ShardOwner(f"allocation-{number}", self.addresses[number], epoch)

    def token(
        self, person_id: int, *, key: Ed25519PrivateKey | None = None, key_id: str = KEY_ID, **claims: Any
    ) -> str:
        """See `sign_token`."""
        return sign_token(
            key or self.identity.keys[KEY_ID], self.clock.now_ms(), person_id, key_id=key_id, **claims
        )

    async def tap(self, person_id: int, *, taps: int = 1, round_id: str = ROUND) -> Any:
        """Taps once, with a good token."""
        return await self.tap_with(f"Bearer {self.token(person_id)}", taps=taps, round_id=round_id)

    async def tap_with(self, header: str | None, *, taps: int = 1, round_id: str = ROUND) -> Any:
        """Taps once, with this header."""
        request = gateway_pb2.TapRequest(campaign_id=CAMPAIGN, round_id=round_id, taps=taps)
        metadata = (("authorization", header),) if header is not None else ()
        return await self.player.Tap(request, metadata=metadata)

    async def settle(self) -> None:
        """Lets everything run that waits for no time."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def figures(self) -> Any:
        """The gateway's counters."""
        return await self.operator.GetGatewayFigures(gateway_pb2.GetGatewayFiguresRequest())

    def wired(self) -> Gateway:
        """The gateway alone, with nobody behind it."""
        return self._wire("identity-0")

    def _wire(self, identity: str) -> Gateway:
        channels = ChannelFactory(self.settings, "gateway", network=self.network)
        self._stack.push_async_callback(channels.close)
        maps = {
            "allocation": self.map,
            "cards": StaticShardMap("cards", 2),
            "settlement": StaticShardMap("settlement", 2),
        }
        routers = {service: ShardRouter(found, clock=self.clock) for service, found in maps.items()}
        directory = Directory(fixed={"identity": [identity]}, clock=self.clock)
        return wire(self.settings, channels, directory, routers, self.telemetry, self.clock)

    async def _serve(self, instance: str, *services: Service) -> str:
        settings = MeshSettings(instance=instance)
        name = instance.partition("-")[0]
        server = MeshServer(
            settings,
            name,
            services,
            telemetry=Telemetry(settings, name, ()),
            clock=self.clock,
            network=self.network,
        )
        address = await server.start()
        self._stack.callback(self.network.cut, address)
        return address


def sign_token(
    key: Ed25519PrivateKey, now_ms: int, person_id: int, *, key_id: str = KEY_ID, **claims: Any
) -> str:
    """A token as identity signs it, good for an hour; other claims where given (None leaves one out)."""
    filled = {
        "iss": "hongbao.identity",
        "aud": "hongbao",
        "sub": str(person_id + 1_000_000),
        "pid": str(person_id),
        "sid": str(session_of(person_id)),
        "tier": 1,
        "iat": now_ms // 1000,
        "exp": now_ms // 1000 + 3_600,
        **claims,
    }
    present = {name: value for name, value in filled.items() if value is not None}
    return jwt.encode(present, key, "EdDSA", headers={"kid": key_id})


def session_of(person_id: int) -> int:
    """The session of the person's tokens."""
    return person_id + 2_000_000


def people_of(shard: int, count: int) -> list[int]:
    """The first people, by number, of an allocation shard."""
    return [person for person in range(1, 20 * count + 20) if shard_of(person, SHARDS) == shard][:count]


def _small(settings: dict[str, Any]) -> dict[str, Any]:
    return {"cards_shards": 2, "settlement_shards": 2, **settings}


def _claims(owner: Owner) -> Service:
    return Service(
        "hongbao.allocation.v1.ClaimService", owner, allocation_pb2_grpc.add_ClaimServiceServicer_to_server
    )


def _sessions(sessions: Sessions) -> Service:
    return Service(
        "hongbao.identity.v1.SessionService",
        sessions,
        session_pb2_grpc.add_SessionServiceServicer_to_server,
    )


def _identity(identity: Identity) -> Service:
    return Service(
        "hongbao.identity.v1.IdentityService",
        identity,
        identity_pb2_grpc.add_IdentityServiceServicer_to_server,
    )
