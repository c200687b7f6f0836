"""A process dies between any two steps, and nobody who was answered was answered in vain."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.mesh.failpoints import POINTS
from services.mesh.shards.hashing import shard_of
from tests.integration.crashes.crash_mesh import SHARDS, CrashMesh, Nursery
from tests.integration.crashes.dispute_play import DECIDING, PAYING
from tests.integration.crashes.envelope_play import EnvelopePlay
from tests.integration.crashes.round_play import PEOPLE, RoundPlay
from tests.integration.crashes.settling_play import FEED, PAYOUT
from tests.integration.crashes.test_leasing import LEASING
from tests.integration.crashes.test_trading import TRADING
from tests.integration.crashes.test_verifying import VERIFYING
from tests.integration.crashes.test_waiting import WAITING
from tests.integration.crashes.withdrawal_play import SETTINGS, WITHDRAWALS, WithdrawalPlay
from tests.integration.mesh.etcd_fixtures import EtcdServer

OWNER = [
    "claim.decided@3",
    "claim.recorded@3",
    "claim.durable@3",
    # The records before the first claims are those of campaign, round and parts.
    "journal.appending",
    "journal.appending@8",
    "journal.appended",
    "journal.appended@8",
    "snapshot.saved",
    "round.created",
    "round.held",
    "round.funded",
    "stock.prepared",
    "stock.prepared@2",
    "round.ended",
    "stock.closed",
    "round.closing",
    "handoff.claimed",
    "handoff.fenced",
    "handoff.recovered",
    "handoff.taken",
    "handoff.announced",
]
"""Where the owner of all shards dies."""
SETTLEMENT = [
    "hold.decided",
    "hold.durable",
    "feed.posted@3",
    "feed.durable@3",
    "journal.appended@2",
    "statements.added@2",
]
"""Where settlement dies."""
GIVER = ["handoff.stopped", "handoff.flushed", "handoff.given", "handoff.released"]
"""Where an owner dies that hands a shard over."""
TAKER = [
    "handoff.warmed",
    "handoff.claimed",
    "handoff.fenced",
    "handoff.recovered",
    "handoff.taken",
    "handoff.announced",
]
"""Where the one dies that takes it."""


LEFTOVERS = [
    "leftover.requested",
    "leftover.parted",
    "leftover.sent",
    "leftover.arrived",
    "leftover.received",
]
"""Where the owner dies while packets that nobody claims move to a shard that ran dry."""
ENVELOPES = [
    "envelope.created",
    "envelope.held",
    "envelope.opened",
    "envelope.claimed",
    "envelope.shared",
    "envelope.expired",
]
"""Where the owner dies while an envelope is sent, claimed, and over."""
WALLETS = ["wallet.decided", "wallet.durable"]
"""Where settlement dies meanwhile."""


@pytest.mark.parametrize("point", OWNER)
async def test_an_owner_dies_and_comes_back(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.start("settlement", "settlement")
        mesh.start("allocation", "owner", point)
        await play(mesh)
        expect_death(mesh, point)


@pytest.mark.parametrize("point", SETTLEMENT)
async def test_settlement_dies_and_comes_back(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.start("settlement", "settlement", point)
        mesh.start("allocation", "owner")
        await play(mesh)
        expect_death(mesh, point)


@pytest.mark.parametrize("point", GIVER)
async def test_an_owner_dies_while_it_hands_a_shard_over(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.start("settlement", "settlement")
        mesh.start("allocation", "owner", point)
        await play(mesh, taker="taker")
        expect_death(mesh, point)


@pytest.mark.parametrize("point", TAKER)
async def test_an_owner_dies_while_it_takes_a_shard_over(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.start("settlement", "settlement")
        mesh.start("allocation", "owner")
        await play(mesh, taker="taker", taker_point=point)
        expect_death(mesh, point)


@pytest.mark.parametrize("point", LEFTOVERS)
async def test_an_owner_dies_while_packets_move_to_a_shard_that_ran_dry(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.start("settlement", "settlement")
        mesh.start("allocation", "owner", point)
        round_play = RoundPlay(mesh)
        await round_play.deposit()
        await round_play.create()
        # More people than their shard has packets, and nobody at the other.
        await round_play.claim([person_id for person_id in PEOPLE if shard_of(person_id, SHARDS) == 0])
        await mesh.victim_died()
        await round_play.close()
        await round_play.expect_everything_in_its_place()
        expect_death(mesh, point)


@pytest.mark.parametrize("point", [*ENVELOPES, *WALLETS])
async def test_a_process_dies_while_an_envelope_is_sent_and_claimed_and_over(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.start("social", "social")
        mesh.start("settlement", "settlement", point if point in WALLETS else "")
        mesh.start("allocation", "owner", point if point in ENVELOPES else "")
        round_play = RoundPlay(mesh)
        await round_play.deposit()
        await round_play.create()
        await round_play.claim(PEOPLE)
        await round_play.close()
        await round_play.expect_everything_in_its_place()
        envelope_play = EnvelopePlay(mesh, round_play)
        await envelope_play.befriend()
        await envelope_play.live_through()
        expect_death(mesh, point)


@pytest.mark.parametrize("point", WITHDRAWALS)
async def test_settlement_dies_while_money_leaves_by_way_of_the_bank(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.tune(SETTINGS)
        mesh.start("settlement", "settlement", point)
        withdrawal_play = WithdrawalPlay(mesh, tmp_path)
        await withdrawal_play.fund()
        await withdrawal_play.withdraw()
        await withdrawal_play.expect_everything_in_its_place()
        expect_death(mesh, point)


def test_no_place_is_left_out() -> None:
    tried = {
        point.partition("@")[0]
        for points in (
            OWNER,
            SETTLEMENT,
            GIVER,
            TAKER,
            LEFTOVERS,
            ENVELOPES,
            WALLETS,
            FEED,
            PAYOUT,
            WITHDRAWALS,
            DECIDING,
            PAYING,
            WAITING,
            LEASING,
            TRADING,
            VERIFYING,
        )
        for point in points
    }
    assert tried == set(POINTS)


async def play(mesh: CrashMesh, *, taker: str = "", taker_point: str = "") -> None:
    """A round from its deposit to its books; when there is a taker, it joins between two waves of claims."""
    round_play = RoundPlay(mesh)
    await round_play.deposit()
    await round_play.create()
    await round_play.claim(PEOPLE[::2])
    if taker:
        mesh.start("allocation", taker, taker_point)
    await round_play.claim(PEOPLE)
    if taker:
        await mesh.victim_died()
    await round_play.close()
    await round_play.expect_everything_in_its_place()


def expect_death(mesh: CrashMesh, point: str) -> None:
    """The test is about nothing unless the process died, and died there."""
    assert [victim.died_at(point.partition("@")[0]) for victim in mesh.victims] == [True]
