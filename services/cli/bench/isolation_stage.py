"""What `bench isolation` plays on: a whole mesh, people who tap, and people who talk."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

import psutil

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import events_pb2 as allocation_events
from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from services.cli.bench.isolation_jobs import Talker
from services.cli.bench.workplace import Workplace, free_port, workplace
from services.cli.gala.crowd import everyone, patiently, within
from services.cli.gala.evening import SPONSOR_ID
from services.cli.gala.people import Player, invent_people
from services.cli.gala.players import CALL_TIMEOUT_S, Phones
from services.cli.local_mesh.layout import ALL_LANES, MeshLayout
from services.cli.local_mesh.supervisor import LocalMesh, running_mesh
from services.cli.operator import Operator, connected, timestamp
from services.mesh.callgraph import PLAYER
from services.mesh.channel import ChannelFactory
from services.mesh.settings import MeshSettings

CAMPAIGN = "bench-isolation"
_GATEWAYS_APART = (("taps", "people", "money"), ("sharing",), ("chat",))
_PACKET_FEN = 500
_CAMPAIGN_PACKETS = 10_000_000
_SIGN_UP_AT_ONCE = 16
_FRIENDS_EACH_SIDE = 2
_SPARE_PACKETS = 4
"""Packets of a round for each person: people are not spread over shards alike, and all are to win."""
_FREE_BYTES = 1024 * 1024 * 1024
_PAYMENT_TIMEOUT_S = 60.0
_POLL_S = 0.2
_NEVER_MET = "1000000"


@dataclass(frozen=True, slots=True)
class Lanes:
    """How calls are kept apart."""

    shares_per_s: int
    """What the lane of shares takes; 0: as many as come."""
    messages_per_s: int
    """What the lane of messages takes; 0: as many as come."""
    together: bool
    """Whether one gateway answers all lanes."""
    alike: bool
    """Whether no process stands back behind another."""


@dataclass(slots=True)
class Stage:
    """What runs, and who plays."""

    place: Workplace
    layout: MeshLayout
    mesh: LocalMesh
    operator: Operator
    settings: MeshSettings
    tokens: list[str] = field(default_factory=list)
    """Of people who tap."""
    talkers: list[Talker] = field(default_factory=list)
    rounds: int = 0

    def cpu_s(self) -> dict[str, float]:
        """Processor time that each process of the mesh has taken so far."""
        times = {child.spec.name: psutil.Process(child.pid).cpu_times() for child in self.mesh.children}
        return {name: time.user + time.system for name, time in times.items()}

    async def open_rounds(self, count: int, people: int, opens_at: datetime, seconds: float) -> list[str]:
        """Creates rounds that open at that time, with a packet for everybody; returns their ids."""
        names = [f"round-{self.rounds + number}" for number in range(1, count + 1)]
        self.rounds += count
        shards = self.settings.allocation_shards
        packets = ceil(max(people, shards) / shards) * shards * _SPARE_PACKETS
        for round_id in names:
            await self.operator.create_round(
                allocation.CreateRoundRequest(
                    campaign_id=CAMPAIGN,
                    round_id=round_id,
                    opens_at=timestamp(opens_at),
                    closes_at=timestamp(opens_at + timedelta(seconds=ceil(seconds))),
                    budget_fen=packets * _PACKET_FEN,
                    packet_count=packets,
                    packet_min_fen=_PACKET_FEN,
                    packet_max_fen=_PACKET_FEN,
                    release_curve=allocation_events.RELEASE_CURVE_IMMEDIATE,
                )
            )
        return names


@asynccontextmanager
async def running_stage(
    tappers: int, talkers: int, lanes: Lanes, folder: Path | None, settings: MeshSettings
) -> AsyncIterator[Stage]:
    """Starts everything and signs the people up; all of it is gone when the block ends."""
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(workplace(folder, bytes_needed=_FREE_BYTES))
        layout = _layout(place.folder / "mesh", lanes)
        layout.home.mkdir()
        mesh = await stack.enter_async_context(running_mesh(layout, lambda _process, _state: None))
        operator = await stack.enter_async_context(connected(layout.etcd_endpoint, settings))
        budget_fen = _CAMPAIGN_PACKETS * _PACKET_FEN
        await operator.deposit(SPONSOR_ID, budget_fen)
        await operator.create_campaign(CAMPAIGN, SPONSOR_ID, "Isolation", budget_fen)
        stage = Stage(place, layout, mesh, operator, settings)
        apps = ChannelFactory(settings, PLAYER)
        stack.push_async_callback(apps.close)
        crowd = _Crowd(apps, layout.lane_addresses)
        stage.tokens = await crowd.tappers(tappers)
        stage.talkers = await crowd.talkers(talkers, stage)
        yield stage


def _layout(home: Path, lanes: Lanes) -> MeshLayout:
    return MeshLayout(
        home=home,
        gateway_port=free_port(others_above=(10, 11)),
        etcd_port=free_port(),
        etcd_peer_port=free_port(),
        # Everybody wins here, and no packet need move to where people are.
        environment={"HONGBAO_LEFTOVER_MOVES": "false", "HONGBAO_ENVELOPES_OPEN_PER_PERSON_MAX": "2000"},
        gateways=(ALL_LANES,) if lanes.together else _GATEWAYS_APART,
        standing_back=not lanes.alike,
        gateway_environment={
            "HONGBAO_GATEWAY_TAPS_PER_S": _NEVER_MET,
            "HONGBAO_GATEWAY_TAPS_AT_ONCE": _NEVER_MET,
            "HONGBAO_GATEWAY_SHARE_CALLS_PER_S": str(lanes.shares_per_s),
            "HONGBAO_GATEWAY_CHAT_CALLS_PER_S": str(lanes.messages_per_s),
            # Few talkers flood for many: what is measured is the bound on all of them.
            "HONGBAO_GATEWAY_PERSON_SHARE_CALLS_PER_S": "0",
            "HONGBAO_GATEWAY_PERSON_CHAT_CALLS_PER_S": "0",
        },
    )


class _Crowd:
    """Signs people up: many who only tap, and some who know each other."""

    def __init__(self, apps: ChannelFactory, addresses: Mapping[str, str]) -> None:
        people, taps = apps.channel(addresses["people"]), apps.channel(addresses["taps"])
        self._phones = Phones(people, CAMPAIGN)
        self._accounts = gateway_pb2_grpc.AccountServiceStub(people)
        self._taps = gateway_pb2_grpc.TapServiceStub(taps)
        self._wallets = gateway_pb2_grpc.WalletServiceStub(apps.channel(addresses["money"]))

    async def tappers(self, count: int) -> list[str]:
        """Tokens of people whom nobody has verified: for tapping that is enough."""
        tokens: list[str] = []

        async def sign_up(player: Player) -> None:
            register = gateway_pb2.RegisterRequest(
                request_id=str(uuid.uuid4()), phone=player.phone, display_name=player.name
            )
            account = await patiently(lambda: self._accounts.Register(register, timeout=CALL_TIMEOUT_S))
            issue = gateway_pb2.IssueTokenRequest(
                account_id=account.account_id, login_secret=account.login_secret
            )
            issued = await patiently(lambda: self._accounts.IssueToken(issue, timeout=CALL_TIMEOUT_S))
            tokens.append(issued.access_token)

        await everyone(invent_people(count, f"{CAMPAIGN}-taps"), sign_up, _SIGN_UP_AT_ONCE)
        return tokens

    async def talkers(self, count: int, stage: Stage) -> list[Talker]:
        """Verified people in a ring, friends of those next to them, each with a packet in the wallet."""
        players = invent_people(count, f"{CAMPAIGN}-talk")
        await everyone(players, self._phones.sign_up, _SIGN_UP_AT_ONCE)
        pairs = [
            (players[place], players[(place + step) % count])
            for place in range(count)
            for step in range(1, _FRIENDS_EACH_SIDE + 1)
        ]
        await everyone(pairs, lambda pair: self._phones.befriend(*pair), _SIGN_UP_AT_ONCE)
        await self._pay(players, stage)
        steps = [step for reach in range(1, _FRIENDS_EACH_SIDE + 1) for step in (reach, -reach)]
        return [
            Talker(player.person_id, player.token, [(place + step) % count for step in steps])
            for place, player in enumerate(players)
        ]

    async def _pay(self, players: Sequence[Player], stage: Stage) -> None:
        """Lets everybody win a packet, and waits until it is in their wallets."""
        opens_at = datetime.now(UTC) + timedelta(seconds=1.5)
        (round_id,) = await stage.open_rounds(1, len(players), opens_at, 30)
        request = gateway_pb2.TapRequest(campaign_id=CAMPAIGN, round_id=round_id, taps=20)

        async def win(player: Player) -> None:
            async def tap() -> bool:
                answer = await patiently(
                    lambda: self._taps.Tap(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S)
                )
                return bool(answer.amount_fen)

            async def is_paid() -> bool:
                wallet = await patiently(
                    lambda: self._wallets.GetWallet(
                        gateway_pb2.GetWalletRequest(), metadata=player.credentials, timeout=CALL_TIMEOUT_S
                    )
                )
                return bool(wallet.balance_fen)

            for step in (tap, is_paid):
                await _until(step)

        async with within(_PAYMENT_TIMEOUT_S, "people are still not paid what they have won"):
            await everyone(players, win, _SIGN_UP_AT_ONCE)


async def _until(step: Callable[[], Awaitable[bool]]) -> None:
    while not await step():  # noqa: ASYNC110 - other processes cannot set an event here
        await asyncio.sleep(_POLL_S)
