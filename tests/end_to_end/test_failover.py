from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

from google.rpc import error_details_pb2

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc
from services.allocation.domain.proofs import Proof
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import Operator, connected
from services.cli.proofs.files import verify_file
from services.cli.proofs.reading import Verified
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ServiceError
from services.mesh.settings import MeshSettings
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.map import ShardOwner
from tests.end_to_end.command import Outcome, Place, hongbao, mesh_up, new_place, pid_of, read_report

CAMPAIGN = "gala-failover"
STOCK = f"{CAMPAIGN}.round-1"
LEASE_TTL_S = 2
REPORT = "report.json"


async def test_a_round_survives_a_frozen_allocator_and_a_dead_one(tmp_path: Path) -> None:
    """Whoever was frozen past its lease cannot write; whoever dies is followed by who was frozen."""
    place = new_place(tmp_path / "home")
    async with mesh_up(place, "--allocation=2", lease_ttl_s=LEASE_TTL_S) as mesh:
        evening = asyncio.create_task(play_evening(place))
        async with connected(mesh.etcd_endpoint, MeshSettings()) as operator:
            await packets_are_won(operator)
            await expect_no_late_write(operator, pid_of(mesh, "allocation-1"))
            os.kill(pid_of(mesh, "allocation-2"), signal.SIGKILL)
            await all_owned_by(operator, "allocation-1")
        expect_in_order(await evening, place)
        for command in (["shards"], ["books"], ["verify", CAMPAIGN]):
            outcome = await hongbao(*command, f"--home={place.home}")
            assert outcome.exit_code == 0, outcome.complaints + outcome.output
            assert "allocation-2" not in outcome.output
        await expect_published(place, mesh)
    expect_rising_epochs(place)


async def expect_no_late_write(operator: Operator, frozen_pid: int) -> None:
    """Freezes `allocation-1` past its lease. What it finds first when it wakes up is a claim: it refuses."""
    shard, owner = owned_by(operator, "allocation-1")
    os.kill(frozen_pid, signal.SIGSTOP)
    try:
        await all_owned_by(operator, "allocation-2")
        claim = asyncio.create_task(claim_at(owner.address, shard))
    finally:
        os.kill(frozen_pid, signal.SIGCONT)
    assert await claim == "SHARD_NOT_OWNED"


async def expect_published(place: Place, mesh: MeshRecord) -> None:
    """The round, and one packet of it, can be published, and verified with nothing but the files."""
    async with connected(mesh.etcd_endpoint, MeshSettings()) as operator:
        pages = [page async for page in operator.packets(STOCK, 0)]
    round_file, proof_file = place.home.parent / "round.hongbao", place.home.parent / "mine.json"
    person = f"--person={pages[0].person_ids[0]}"
    for command in (
        ["publish", CAMPAIGN, "round-1", f"--out={round_file}", f"--home={place.home}"],
        ["publish", CAMPAIGN, "round-1", f"--out={proof_file}", person, f"--home={place.home}"],
    ):
        outcome = await hongbao(*command)
        assert outcome.exit_code == 0, outcome.complaints + outcome.output
    verified, proof = verify_file(round_file), verify_file(proof_file)
    assert isinstance(verified, Verified)
    assert isinstance(proof, Proof)
    assert verified.heading.statement == proof.statement
    assert proof.amount_fen == pages[0].amounts_fen[0]
    assert verified.packets >= len(pages[0].person_ids)


async def play_evening(place: Place) -> Outcome:
    """An evening with one long round, on the mesh that runs."""
    return await hongbao(
        "gala",
        f"--campaign={CAMPAIGN}",
        "--people=150",
        "--rounds=1",
        "--round-seconds=16",
        "--card-seconds=3",
        f"--report={place.home / REPORT}",
        f"--home={place.home}",
    )


def expect_in_order(outcome: Outcome, place: Place) -> None:
    """The evening ended with packets won and every fen in its place."""
    assert outcome.exit_code == 0, outcome.complaints + outcome.output
    report = read_report(place.home / REPORT)
    assert report["difference_fen"] == 0
    assert report["draw_verified"] is True
    assert 22 < report["packets_won"] <= 45  # type: ignore[operator]  # a JSON number


async def packets_are_won(operator: Operator) -> None:
    """Waits until the round is on and somebody has won."""
    async with asyncio.timeout(90):
        while not await _packets_won(operator):  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.1)


async def all_owned_by(operator: Operator, instance: str) -> None:
    """Waits until one instance owns every shard of allocation."""
    shard_map = operator.maps["allocation"]
    async with asyncio.timeout(30):
        while True:
            version = shard_map.version
            owners = shard_map.owners().values()
            if len(owners) == shard_map.shard_count and {owner.instance for owner in owners} == {instance}:
                return
            await shard_map.changed(version)


def owned_by(operator: Operator, instance: str) -> tuple[int, ShardOwner]:
    """A shard that the instance owns."""
    return next(
        (shard, owner)
        for shard, owner in operator.maps["allocation"].owners().items()
        if owner.instance == instance
    )


async def claim_at(address: str, shard: int) -> str:
    """Claims at one process for someone who has not won; returns the reason of its refusal, "" if none."""
    count = MeshSettings().allocation_shards
    person_id = next(number for number in range(1, 10_000) if shard_of(number, count) == shard)
    request = allocation_pb2.ClaimBatchRequest(
        batch_id=1, stock_id=STOCK, shard=shard, person_ids=[person_id]
    )

    async def requests() -> AsyncIterator[allocation_pb2.ClaimBatchRequest]:
        yield request

    channels = ChannelFactory(MeshSettings(), "gateway")
    try:
        stub = allocation_pb2_grpc.ClaimServiceStub(channels.channel(address))
        async for answer in stub.ClaimBatch(requests(), timeout=20, wait_for_ready=True):
            assert not answer.outcomes
            details = error_details_pb2.ErrorInfo()
            assert answer.error.details[0].Unpack(details)
            return str(details.reason)
    except ServiceError as refusal:
        return refusal.reason
    finally:
        await channels.close()
    return ""


def expect_rising_epochs(place: Place) -> None:
    """No journal has a record of an epoch below that of a record before it: nobody wrote late."""
    files = list((place.home / "data" / "allocation").glob("*.db"))
    assert len(files) == MeshSettings().allocation_shards
    for file in files:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            epochs = [epoch for (epoch,) in database.execute("SELECT epoch FROM records ORDER BY seq")]
        assert len(epochs) > 1
        assert epochs == sorted(epochs)


async def _packets_won(operator: Operator) -> int:
    shards = range(MeshSettings().allocation_shards)
    try:
        return sum([(await operator.stock(STOCK, shard)).packets_won for shard in shards])
    except ServiceError as refusal:
        if refusal.reason != "STOCK_UNKNOWN":
            raise
        return 0
