"""The real gateway. The services behind it are stubs; only claims are answered by an owner made for tests.

Actions: `sign_in` gives a token for a person, `revoke` ends that person's session, `round` sets how the
round stands at the owner, `behind` picks the case that a service behind the gateway answers with, `silence`
keeps the owner from answering claims, `hold` any service from answering an rpc, `occupy` has a tap wait for
the owner, and `busy_with_money` a call for settlement: each takes the only place there is for its kind.
`watch` has a person open a stream of messages: there may be one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hongbao.allocation.v1 import allocation_pb2
from hongbao.gateway.v1 import (
    gateway_pb2,
    gateway_pb2_grpc,
    message_pb2,
    message_pb2_grpc,
    wallet_pb2,
)
from services.gateway.__main__ import wire
from services.gateway.settings import GatewaySettings
from services.mesh.shards.directory import Directory
from services.mesh.shards.map import StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import Telemetry
from tests.contract.bench import Bench, Provider
from tests.contract.stub import StubServer
from tests.integration.gateway_mesh import (
    CAMPAIGN,
    KEY_ID,
    ROUND,
    Identity,
    Owner,
    Sessions,
    session_of,
    sign_token,
)

SHARDS = 2
CLAIMS = "hongbao.allocation.v1.ClaimService"


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        GatewaySettings,
        allocation_shards=SHARDS,
        cards_shards=SHARDS,
        settlement_shards=SHARDS,
        gateway_taps_max=1,
        # Slow, so that no bucket fills up when a busy machine makes the clock move on.
        gateway_taps_per_s=1,
        gateway_share_calls_max=1,
        gateway_social_calls_max=1,
        # 30 at once, and then as slow.
        gateway_social_calls_per_s=1,
        gateway_burst_ms=30_000,
        gateway_person_chat_calls_per_s=1,
        gateway_person_chat_calls_at_once=20,
        gateway_person_share_calls_per_s=1,
        gateway_person_share_calls_at_once=20,
        gateway_person_inboxes_max=1,
        gateway_money_calls_max=1,
        gateway_other_calls_max=1,
    )
    world = World(bench, {name: await bench.stub(name) for name in _BEHIND})
    telemetry = Telemetry(settings, "gateway", ())
    addresses = {name: stub.address for name, stub in world.stubs.items()}
    routers = {
        name: ShardRouter(StaticShardMap.with_one_owner(name, SHARDS, addresses[name]), clock=bench.clock)
        for name in ("allocation", "cards", "settlement")
    }
    fixed = {name: [addresses[name]] for name in ("identity", "social")}
    directory = Directory(fixed=fixed, clock=bench.clock)
    gateway = wire(settings, bench.channels("gateway"), directory, routers, telemetry, bench.clock)
    address = await bench.serve("gateway", gateway.services, settings)
    await gateway.start()
    try:
        yield Provider(
            address,
            actions={
                "sign_in": world.sign_in,
                "revoke": world.revoke,
                "round": world.set_round,
                "behind": world.pick,
                "silence": world.silence,
                "hold": world.hold,
                "occupy": lambda: world.occupy(address),
                "busy_with_money": lambda: world.busy_with_money(address),
                "watch": lambda person: world.watch(address, person),
            },
        )
    finally:
        await world.close()
        await gateway.close()
        telemetry.shutdown()


_BEHIND = ("identity", "allocation", "cards", "social", "settlement")


class World:
    """What a case can do to the gateway's surroundings."""

    def __init__(self, bench: Bench, stubs: dict[str, StubServer]) -> None:
        self.stubs = stubs
        self.waiting: asyncio.Future[Any] | None = None
        self._bench = bench
        self._identity = Identity()  # type: ignore[abstract]  # only its keys are asked for
        self._owner = Owner(*range(SHARDS))  # type: ignore[abstract]  # as above
        self._owner.closes_at_ms = bench.clock.now_ms() + 300_000
        stubs["identity"].play(
            "hongbao.identity.v1.IdentityService/GetPublicKeys", self._identity.GetPublicKeys
        )
        self._sessions = Sessions(bench.clock)  # type: ignore[abstract]  # only for who follows it
        stubs["identity"].play(
            "hongbao.identity.v1.SessionService/WatchRevocations", self._sessions.WatchRevocations
        )
        stubs["allocation"].play(f"{CLAIMS}/WatchStocks", self._owner.WatchStocks)
        stubs["allocation"].play(f"{CLAIMS}/ClaimBatch", self._owner.ClaimBatch)

    def sign_in(self, person: int, key: str = "published") -> dict[str, str]:
        """A token for a person; signed with the published key, with another one, or under an unknown id."""
        signing = self._identity.keys[KEY_ID] if key == "published" else Ed25519PrivateKey.generate()
        key_id = "ffffffffffffffff" if key == "unknown" else KEY_ID
        token = sign_token(signing, self._bench.clock.now_ms(), person, key_id=key_id)
        return {
            "token": token,
            "session": str(session_of(person)),
            "expires_at_ms": str(self._bench.clock.now_ms() // 1000 * 1000 + 3_600_000),
        }

    async def revoke(self, person: int) -> None:
        """Has identity tell that the session of the person's tokens was ended."""
        self._sessions.revoke(session_of(person))
        await _let_run()

    async def set_round(self, phase: str = "OPEN", tokens: int = 100, outcome: str = "WON") -> None:
        self._owner.outcome = allocation_pb2.ClaimOutcome.Value(f"CLAIM_OUTCOME_{outcome}")
        self._owner.say(allocation_pb2.StockPhase.Value(f"STOCK_PHASE_{phase}"), tokens)
        await _let_run()

    def pick(self, service: str, case: str) -> None:
        self.stubs[service].use(case)

    def hold(self, rpc: str) -> None:
        self.stubs[rpc.split(".")[1]].hold(rpc)

    def silence(self) -> None:
        self._owner.gate.clear()

    async def occupy(self, address: str) -> None:
        """Has somebody else's tap wait for the owner: there is room for one."""
        self.silence()
        taps = gateway_pb2_grpc.TapServiceStub(self._bench.channels("player").channel(address))
        request = gateway_pb2.TapRequest(campaign_id=CAMPAIGN, round_id=ROUND, taps=1)
        metadata = (("authorization", f"Bearer {self.sign_in(999)['token']}"),)
        self.waiting = asyncio.ensure_future(taps.Tap(request, metadata=metadata))
        await _let_run()

    async def busy_with_money(self, address: str) -> None:
        """Has somebody else's list of withdrawals wait for settlement: there is room for one."""
        self.hold("hongbao.settlement.v1.WithdrawalService/ListWithdrawals")
        wallets = gateway_pb2_grpc.WalletServiceStub(self._bench.channels("player").channel(address))
        metadata = (("authorization", f"Bearer {self.sign_in(999)['token']}"),)
        request = wallet_pb2.ListWithdrawalsRequest()
        self.waiting = asyncio.ensure_future(wallets.ListWithdrawals(request, metadata=metadata))
        await _let_run()

    async def watch(self, address: str, person: int) -> None:
        """Has the person's other app follow the timeline, from its first answer on."""
        messages = message_pb2_grpc.MessageServiceStub(self._bench.channels("player").channel(address))
        metadata = (("authorization", f"Bearer {self.sign_in(person)['token']}"),)
        stream = messages.WatchInbox(message_pb2.WatchInboxRequest(), metadata=metadata)
        await stream.read()
        self.waiting = asyncio.ensure_future(stream.read())

    async def close(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()
            await asyncio.gather(self.waiting, return_exceptions=True)


async def _let_run() -> None:
    for _ in range(50):
        await asyncio.sleep(0)
