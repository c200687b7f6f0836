"""A whole evening: guests sign up, make friends, tap, give and complete cards, while the mesh falls apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import events_pb2 as allocation_events
from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as card_events
from hongbao.gateway.v1 import gateway_pb2 as gateway
from services.cli.gala.people import invent_friendships
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from tests.simulation.chance import chance
from tests.simulation.guest_list import invite
from tests.simulation.guests import WON, Guest, World
from tests.simulation.inviting import Invited, invite_strangers
from tests.simulation.mesh import SimulatedMesh
from tests.simulation.operator import SimulatedOperator
from tests.simulation.processes import SHARDS
from tests.simulation.sharing import PAUSE_S_MAX, PAUSE_S_MIN, Chat, Correspondent
from tests.simulation.supply import supply_plan
from tests.simulation.trading import PAUSE_S_MAX as TRADING_S_MAX
from tests.simulation.trading import PAUSE_S_MIN as TRADING_S_MIN
from tests.simulation.trading import Trader
from tests.simulation.writing import WRITING_S_MAX, WRITING_S_MIN, Writer

CAMPAIGN = "spring-2016"
SPONSOR = 2016
ROUNDS = ("round-1", "round-2")
BEACON_ROUND = "round-2"
PEOPLE, SECOND_ACCOUNTS, FRIENDS_EACH = 14, 2, 2
STRANGERS = 5
"""Accounts that play before anybody knows who they are; one of the people nobody ever gets to know."""
KNOWN_S_MIN, KNOWN_S_MAX = 3.0, 40.0
"""When the others prove who they are, after everybody has come."""
PACKETS, PACKET_MEAN_FEN, PACKET_MAX_FEN = 9, 167, 880
BUDGET_FEN = len(ROUNDS) * PACKETS * PACKET_MEAN_FEN
POOL_FEN = 100_003
DEPOSIT_FEN = BUDGET_FEN + POOL_FEN + 12_345
DEAR_ROUND, DEAR_FEN = "round-too-dear", 50_000
"""The campaign's budget has room for this round, but the sponsor's account has not."""
EARNED_BY_TAPS_EACH = 2
LEAD_S, ROUND_S = 4.0, 8.0
_BY_TABLE = allocation_events.RELEASE_CURVE_TABLE
RELEASE_TABLE_PPM = (400_000, 400_000, 400_000, 500_000, 900_000, 900_000, 900_000, 1_000_000)
"""For each second of a round that has a table: a wave, a lull, another wave."""
DEADLINE_S = 45.0
"""From the creation of the game to its deadline, seconds."""
THINK_S_MAX = 0.6
SHARDS_ASLEEP, AWAKE_ALL_THE_SAME = 2, 0.2
EARLY_END = 0.25
"""The chance that the operator ends a round half-way."""
LIMITS = card_events.ExchangeLimits(
    gifts_per_day_max=7,
    asks_per_day_max=4,
    waiting_max=3,
    received_per_day_max=7,
    givers_per_day_max=4,
    rare_received_max=2,
)
"""So low that people meet them now and then."""
DEALS_PER_DAY_MAX = 6


@dataclass(slots=True)
class Evening:
    """Everybody who is there."""

    mesh: SimulatedMesh
    world: World
    operator: SimulatedOperator
    seed: str
    guests: list[Guest] = field(default_factory=list)
    correspondents: list[Correspondent] = field(default_factory=list)
    invited: list[Invited] = field(default_factory=list)
    deadline_s: float = 0.0

    async def play(self) -> None:
        """Ends a moment after the deadline, while rounds and pool may still be on their way."""
        self.guests = invite(PEOPLE, SECOND_ACCOUNTS, STRANGERS, self.world, f"{self.seed}:people")
        await self.operator.fund(CAMPAIGN, SPONSOR, DEPOSIT_FEN, BUDGET_FEN + DEAR_FEN)
        await _together(guest.sign_up() for guest in self.guests)
        await self._open_game()
        directed = (self._make_friends(), self._fail_to_fund(), self._rounds(), self._earn_by_taps())
        people, chat = self._people(), Chat()
        self.correspondents = [Correspondent(guest, people, self.world, chat) for guest in people]
        sharing = map(self._share, people, self.correspondents)
        known = map(self._be_known, self.guests[1 - STRANGERS :])
        trading = map(self._trade, [*people, *self.guests[-STRANGERS:]])
        writing = map(self._write, people)
        inviting = self._invite(people, self.guests[-STRANGERS:])
        await _together([*directed, *trading, *sharing, *known, *writing, inviting])
        await self._until(self.deadline_s + 3.0)

    async def _open_game(self) -> None:
        now_s = self.mesh.clock.monotonic_s()
        self.deadline_s = now_s + DEADLINE_S
        draw = chance(self.seed, "limits")
        request = cards.CreateGameRequest(
            campaign_id=CAMPAIGN,
            sponsor_id=SPONSOR,
            pool_fen=POOL_FEN,
            supply=supply_plan(draw),
            opens_at=self._at(now_s),
            deadline=self._at(self.deadline_s),
            share_mode=draw.choice((card_events.SHARE_MODE_EQUAL, card_events.SHARE_MODE_LUCKY)),
            exchange_limits=LIMITS,
            deals_per_day_max=DEALS_PER_DAY_MAX,
        )
        await self.operator.patiently(partial(self.operator.create_game, request))

    async def _make_friends(self) -> None:
        pairs = invent_friendships(PEOPLE, FRIENDS_EACH, f"{self.seed}:friends")
        draw = chance(self.seed, "strangers")
        people = self._people()
        strangers = [stranger.befriend(draw.choice(people)) for stranger in self.guests[-STRANGERS:]]
        friends = [self.guests[asking].befriend(self.guests[asked]) for asking, asked in pairs]
        await _together(map(self._unless_somebody_else, [*friends, *strangers]))

    async def _unless_somebody_else(self, befriending: Awaitable[None]) -> None:
        """Makes friends, unless one of the two has turned out to be somebody else in between."""
        try:
            await befriending
        except ServiceError as error:
            if error.reason not in ("REQUEST_UNKNOWN", "ALREADY_FRIENDS", "SELF_FRIENDSHIP"):
                raise
            self.world.told.outcomes[error.reason] += 1

    async def _fail_to_fund(self) -> None:
        """Nothing remains of a round that the sponsor cannot pay for."""
        while True:
            with pytest.raises(ServiceError) as refused:
                await self._create_round(DEAR_ROUND, 1, DEAR_FEN, self.mesh.clock.monotonic_s() + LEAD_S)
            if refused.value.reason != "WINDOW_INVALID":
                break
        assert refused.value.reason == "FUNDS_INSUFFICIENT"

    async def _rounds(self) -> None:
        curves = chance(self.seed, "curves").sample(range(1, 5), len(ROUNDS))
        for number, round_id in enumerate(ROUNDS):
            is_played = False
            while not is_played:
                opens_s = self.mesh.clock.monotonic_s() + LEAD_S
                async with asyncio.TaskGroup() as group:
                    directing = group.create_task(self._direct(round_id, curves[number], opens_s))
                    for guest in self._awake(round_id):
                        group.create_task(self._tap(guest, round_id, opens_s))
                is_played = directing.result()

    def _awake(self, round_id: str) -> list[Guest]:
        """Who taps in a round. On some shards hardly anybody does: what is left there is wanted elsewhere."""
        draw, count = chance(self.seed, f"{round_id}:asleep"), SHARDS["allocation"]
        asleep = draw.sample(range(count), SHARDS_ASLEEP)
        return [
            guest
            for guest in self.guests
            if shard_of(guest.person_id, count) not in asleep or draw.random() < AWAKE_ALL_THE_SAME
        ]

    async def _direct(self, round_id: str, release_curve: int, opens_s: float) -> bool:
        """Creates a round, and may end it early; False when nobody could create it in time."""
        try:
            await self._create_round(round_id, release_curve, PACKETS * PACKET_MEAN_FEN, opens_s)
        except ServiceError as error:
            if error.reason != "WINDOW_INVALID":
                raise
            await self.world.invariants.look()
            assert round_id not in self.world.invariants.packets.rounds_created
            return False
        if round_id == BEACON_ROUND:
            await self._until(opens_s + chance(self.seed, "beacon").uniform(-0.5, ROUND_S / 2))
            await self._tell_beacon(round_id)
        if chance(self.seed, round_id).random() < EARLY_END:
            await self._until(opens_s + ROUND_S / 2)
            await self.operator.patiently(partial(self.operator.close_round, CAMPAIGN, round_id))
            self.mesh.note(f"{round_id} was ended early")
        return True

    async def _tell_beacon(self, round_id: str) -> None:
        """Tells what the round's beacon has shown; when that takes too long, everything is returned."""
        value = chance(self.seed, "beacon's value").randbytes(32)
        tell = partial(self.operator.publish_beacon, CAMPAIGN, round_id, value)
        try:
            await self.operator.patiently(tell)
        except ServiceError as error:
            if error.reason != "BEACON_TOO_LATE":
                raise
            self.mesh.note(f"{round_id} had no beacon in time")

    async def _create_round(self, round_id: str, release_curve: int, budget_fen: int, opens_s: float) -> None:
        request = allocation.CreateRoundRequest(
            campaign_id=CAMPAIGN,
            round_id=round_id,
            opens_at=self._at(opens_s),
            closes_at=self._at(opens_s + ROUND_S),
            budget_fen=budget_fen,
            packet_count=PACKETS,
            packet_min_fen=1,
            packet_max_fen=max(PACKET_MAX_FEN, 2 * budget_fen // PACKETS),
            release_curve=allocation_events.ReleaseCurve.ValueType(release_curve),
            release_table_ppm=RELEASE_TABLE_PPM if release_curve == _BY_TABLE else (),
            beacon="the lottery of the eve" if round_id == BEACON_ROUND else "",
        )
        await self.operator.patiently(partial(self.operator.create_round, request))

    async def _tap(self, guest: Guest, round_id: str, opens_s: float) -> None:
        """Taps until the round is over; also after having won, which must change nothing."""
        await self._until(opens_s - 1)
        wins = 0
        while self.mesh.clock.monotonic_s() < opens_s + ROUND_S + 1 and wins < 3:
            outcome = await guest.tap(round_id)
            wins += outcome in WON
            if outcome == gateway.TAP_OUTCOME_SOLD_OUT and guest.draw.random() < 0.3:
                return
            await self.mesh.clock.sleep(guest.draw.uniform(0, THINK_S_MAX))

    async def _earn_by_taps(self) -> None:
        draw = chance(self.seed, "earned")
        for number in range(EARNED_BY_TAPS_EACH):
            for guest in self.guests:
                deal = self.operator.deal(CAMPAIGN, guest.person_id, f"tap-{number}")
                await self.operator.patiently(deal)
                await self.mesh.clock.sleep(draw.uniform(0, THINK_S_MAX))

    async def _trade(self, guest: Guest) -> None:
        """Plays cards until a moment after the deadline."""
        trader = Trader(guest, self.world)
        while self.mesh.clock.monotonic_s() < self.deadline_s + 1:
            await self.mesh.clock.sleep(guest.draw.uniform(TRADING_S_MIN, TRADING_S_MAX))
            await trader.act()

    async def _be_known(self, guest: Guest) -> None:
        """A stranger proves who they are: somebody new, or somebody who is here already."""
        await self.mesh.clock.sleep(guest.draw.uniform(KNOWN_S_MIN, KNOWN_S_MAX))
        await guest.verify()

    async def _share(self, guest: Guest, correspondent: Correspondent) -> None:
        """Sends packets to people, claims some, and asks for others."""
        while self.mesh.clock.monotonic_s() < self.deadline_s + 1:
            await self.mesh.clock.sleep(guest.draw.uniform(PAUSE_S_MIN, PAUSE_S_MAX))
            await correspondent.act()

    async def _invite(self, hosts: list[Guest], strangers: list[Guest]) -> None:
        """Strangers come because somebody invited them."""
        self.invited = await invite_strangers(hosts, strangers, self.world)

    async def _write(self, guest: Guest) -> None:
        """Writes to friends."""
        writer = Writer(guest, self._people(), self.world)
        while self.mesh.clock.monotonic_s() < self.deadline_s:
            await self.mesh.clock.sleep(guest.draw.uniform(WRITING_S_MIN, WRITING_S_MAX))
            await writer.act()

    def _people(self) -> list[Guest]:
        return self.guests[:PEOPLE]

    async def _until(self, moment_s: float) -> None:
        await self.mesh.clock.sleep(moment_s - self.mesh.clock.monotonic_s())

    def _at(self, moment_s: float) -> Timestamp:
        ahead_s = moment_s - self.mesh.clock.monotonic_s()
        at = datetime.fromtimestamp((self.mesh.clock.now_ms() + round(1000 * ahead_s)) / 1000, UTC)
        message = Timestamp()
        message.FromDatetime(at)
        return message


async def _together(works: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)
