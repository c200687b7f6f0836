"""The whole life of envelopes, from a packet that was won to the last fen, on a mesh of processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import events_pb2 as allocation_events
from hongbao.gateway.v1 import envelope_pb2 as gateway
from hongbao.gateway.v1 import envelope_pb2_grpc, group_pb2, group_pb2_grpc
from hongbao.gateway.v1 import gateway_pb2 as taps
from services.cli.gala.acts.sharing import holds
from services.cli.gala.crowd import patiently
from services.cli.gala.people import Player, invent_people
from services.cli.gala.players import CALL_TIMEOUT_S, Phones
from services.cli.gala.sharing import Sharing
from services.cli.operator import Operator, connected, timestamp
from services.mesh.callgraph import PLAYER
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ServiceError
from services.mesh.settings import MeshSettings
from tests.end_to_end.command import hongbao, mesh_up, new_place, pid_of

CAMPAIGN, ROUND = "gala-envelopes", "round-1"
SPONSOR = 2016
PACKET_FEN = 120
PACKETS_PER_SHARD = 8
EXPIRY_MS = 15_000
"""Long enough for everybody else to open theirs, on a slow machine too."""
WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Five people, and what they call."""

    operator: Operator
    phones: Phones
    sharing: Sharing
    envelopes: envelope_pb2_grpc.EnvelopeServiceStub
    groups: group_pb2_grpc.GroupServiceStub
    people: list[Player]

    async def befriend(self, *pairs: tuple[Player, Player]) -> None:
        for one, other in pairs:
            await self.phones.befriend(one, other)

    async def add_to_group(self, player: Player, group_id: int, friend: Player) -> None:
        """Brings a friend into a group that the player is in."""
        request = group_pb2.AddMemberRequest(group_id=group_id, person_id=friend.person_id)
        await patiently(
            lambda: self.groups.AddMember(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S)
        )

    async def win(self, player: Player) -> None:
        """Taps until there is a packet."""
        async with asyncio.timeout(WAIT_S):
            while True:
                answer = await self.phones.tap(player, ROUND, 1)
                if answer.outcome in (taps.TAP_OUTCOME_WON, taps.TAP_OUTCOME_ALREADY_WON):
                    assert answer.amount_fen == PACKET_FEN
                    return
                await asyncio.sleep(0.1)

    async def has(self, player: Player, balance_fen: int) -> None:
        """Waits until the player's wallet holds exactly so much."""
        async with asyncio.timeout(WAIT_S):
            while await self.phones.balance_fen(player) != balance_fen:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)

    async def refused(self, act: Callable[[], Awaitable[Any]]) -> str:
        """The reason with which something is refused."""
        with pytest.raises(ServiceError) as refusal:
            await act()
        return refusal.value.reason


async def test_an_envelope_lives_from_a_packet_that_was_won_to_the_last_fen(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    environment = {"HONGBAO_ENVELOPE_EXPIRY_MS": str(EXPIRY_MS)}
    async with (
        mesh_up(place, "--allocation=2", environment=environment) as mesh,
        connected(mesh.etcd_endpoint, MeshSettings()) as operator,
    ):
        apps = ChannelFactory(MeshSettings(), PLAYER)
        try:
            channel = apps.channel(mesh.gateway_address)
            stage = Stage(
                operator,
                Phones(channel, CAMPAIGN),
                Sharing(channel, CAMPAIGN),
                envelope_pb2_grpc.EnvelopeServiceStub(channel),
                group_pb2_grpc.GroupServiceStub(channel),
                invent_people(5, "envelopes"),
            )
            await _everybody_wins(stage)
            group_packet = await _a_group_shares(stage)
            await _a_packet_is_sent_on(stage)
            await _a_friend_is_asked(stage)
            # Whoever owns shards now, what was acknowledged stays.
            os.kill(pid_of(mesh, "allocation-1"), signal.SIGKILL)
            await _what_nobody_opens_goes_back(stage)
            found = await stage.sharing.look(stage.people[0], group_packet)
            assert found.envelope.state == gateway.ENVELOPE_STATE_FINISHED
            assert holds(found)
        finally:
            await apps.close()
        books = await hongbao("books", f"--home={place.home}")
        assert books.exit_code == 0, books.complaints + books.output
        # The owners are still there, and are compared with what is stored.
        audit = await hongbao("audit", f"--home={place.home}")
        assert audit.exit_code == 0, audit.complaints + audit.output
        assert "do not answer" not in audit.output


async def _everybody_wins(stage: Stage) -> None:
    """Five people make friends in a ring of four; each wins the same."""
    await asyncio.gather(*(stage.phones.sign_up(player) for player in stage.people))
    an, bo, cai, dan, _ = stage.people
    await stage.befriend((an, bo), (bo, cai), (cai, dan))
    packets = PACKETS_PER_SHARD * MeshSettings().allocation_shards
    await stage.operator.deposit(SPONSOR, packets * PACKET_FEN)
    await stage.operator.create_campaign(CAMPAIGN, SPONSOR, "Envelopes", packets * PACKET_FEN)
    opens_at = datetime.now(UTC) + timedelta(seconds=1)
    await stage.operator.create_round(
        allocation.CreateRoundRequest(
            campaign_id=CAMPAIGN,
            round_id=ROUND,
            opens_at=timestamp(opens_at),
            closes_at=timestamp(opens_at + timedelta(seconds=WAIT_S)),
            budget_fen=packets * PACKET_FEN,
            packet_count=packets,
            packet_min_fen=PACKET_FEN,
            packet_max_fen=PACKET_FEN,
            release_curve=allocation_events.RELEASE_CURVE_IMMEDIATE,
        )
    )
    await asyncio.gather(*(stage.win(player) for player in stage.people))


async def _a_group_shares(stage: Stage) -> int:
    """An sends 60 fen to a group of three; those outside get nothing, nobody gets two."""
    an, bo, cai, dan, _ = stage.people
    group_id = await stage.sharing.create_group(an, [bo])
    assert await stage.refused(lambda: stage.sharing.create_group(an, [cai])) == "NOT_FRIENDS"
    await stage.add_to_group(bo, group_id, cai)
    sent = await stage.sharing.send_to_group(an, group_id, 60, shares=3)
    assert sent.state == gateway.ENVELOPE_STATE_OPEN
    assert await stage.refused(lambda: stage.sharing.claim(dan, sent.envelope_id)) == "NOT_IN_AUDIENCE"
    shares = [await stage.sharing.claim(player, sent.envelope_id) for player in (bo, an, cai)]
    again = [await stage.sharing.claim(player, sent.envelope_id) for player in (bo, an, cai)]
    assert [share.amount_fen for share in again] == [share.amount_fen for share in shares]
    assert sum(share.amount_fen for share in shares) == 60
    found = await stage.sharing.look(bo, sent.envelope_id)
    luckiest = max(shares, key=lambda share: (share.amount_fen, -share.share_index))
    assert found.envelope.best_luck_person_id == luckiest.person_id
    assert [share.person_id for share in found.shares if share.is_best_luck] == [luckiest.person_id]
    for player, share in zip((bo, an, cai), shares, strict=True):
        spent_fen = 60 if player is an else 0
        await stage.has(player, PACKET_FEN + share.amount_fen - spent_fen)
        player.packets_fen["group"] = share.amount_fen - spent_fen
    return sent.envelope_id


async def _a_packet_is_sent_on(stage: Stage) -> None:
    """Dan splits what he won; Cai splits what she got of it; the chain of parents is kept."""
    _, bo, cai, dan, _ = stage.people
    first = await stage.sharing.send_on(dan, ROUND, shares=1)
    assert first.amount_fen == PACKET_FEN
    assert (await stage.sharing.claim(cai, first.envelope_id)).amount_fen == PACKET_FEN
    second = await stage.sharing.send_on(cai, envelope_id=first.envelope_id, shares=1)
    assert [source.WhichOneof("source") for source in second.lineage] == ["round", "envelope_id"]
    assert second.lineage[0].round.round_id == ROUND
    assert (await stage.sharing.claim(bo, second.envelope_id)).amount_fen == PACKET_FEN
    repeated = await stage.refused(lambda: stage.sharing.send_on(dan, ROUND, shares=1))
    assert repeated == "PACKET_REISSUED"
    await stage.has(dan, 0)
    await stage.has(cai, PACKET_FEN + cai.packets_fen["group"])
    await stage.has(bo, 2 * PACKET_FEN + bo.packets_fen["group"])


async def _a_friend_is_asked(stage: Stage) -> None:
    """Dan asks Cai twice, is given 20 fen once, and cannot ask a stranger."""
    an, _, cai, dan, _ = stage.people
    assert await stage.refused(lambda: stage.sharing.ask(dan, an, 20)) == "NOT_FRIENDS"
    declined, answered = [await stage.sharing.ask(dan, cai, 20) for _ in range(2)]
    await stage.sharing.decline(cai, declined)
    assert (await stage.sharing.read_ask(dan, declined)).state == gateway.ASK_STATE_DECLINED
    await stage.sharing.answer(cai, answered, 20)
    envelope_id = (await stage.sharing.read_ask(dan, answered)).envelope_id
    assert await stage.refused(lambda: stage.sharing.claim(an, envelope_id)) == "NOT_IN_AUDIENCE"
    assert (await stage.sharing.claim(dan, envelope_id)).amount_fen == 20
    await stage.has(dan, 20)
    await stage.has(cai, PACKET_FEN + cai.packets_fen["group"] - 20)


async def _what_nobody_opens_goes_back(stage: Stage) -> None:
    """The fifth, who has no friends, sends to friends: nobody can open it, and all of it comes back once."""
    *_, lonely = stage.people
    await stage.has(lonely, PACKET_FEN)
    sent = await stage.sharing.send_on(lonely, ROUND, shares=2)
    assert sent.state == gateway.ENVELOPE_STATE_OPEN
    await stage.has(lonely, PACKET_FEN)
    found = await stage.sharing.look(lonely, sent.envelope_id)
    assert found.envelope.state == gateway.ENVELOPE_STATE_EXPIRED
    assert found.envelope.returned_fen == PACKET_FEN
    stranger = stage.people[0]
    assert await stage.refused(lambda: stage.sharing.claim(stranger, sent.envelope_id)) in {
        "ENVELOPE_EXPIRED",
        "NOT_IN_AUDIENCE",
    }
