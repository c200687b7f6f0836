from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator

import pytest

from hongbao.allocation.v1 import allocation_pb2, allocation_pb2_grpc, events_pb2
from services.allocation.domain.proofs_contract import read_proof
from services.cli.commands.publish import write_round
from services.cli.proofs.draw import verify_round
from services.cli.proofs.reading import verify_published
from services.mesh.errors import ServiceError
from tests.integration.allocation_mesh import (
    CAMPAIGN,
    ROUND,
    SEED,
    SHARDS,
    STOCK,
    AllocationMesh,
    memory_mesh,
    people_of,
)
from tests.unit.allocation.reference_draw import reference_draw

DRAND = "drand quicknet 1234567"
VALUE = bytes(range(200, 232))
NOTICE_MS = 3_000
WON = allocation_pb2.CLAIM_OUTCOME_WON
NOT_OPEN = allocation_pb2.CLAIM_OUTCOME_NOT_OPEN


@pytest.fixture
async def mesh() -> AsyncIterator[AllocationMesh]:
    async with memory_mesh(beacon_notice_ms=NOTICE_MS) as made:
        yield made


async def publish(
    mesh: AllocationMesh, value: bytes = VALUE, address: str = "local/a"
) -> allocation_pb2.Round:
    request = allocation_pb2.PublishBeaconRequest(campaign_id=CAMPAIGN, round_id=ROUND, value=value)
    return (await mesh.campaigns(address).PublishBeacon(request)).round


async def proof(mesh: AllocationMesh, person_id: int, address: str = "local/a") -> allocation_pb2.Proof:
    stub = allocation_pb2_grpc.ClaimServiceStub(mesh.channels.channel(address))
    request = allocation_pb2.GetProofRequest(stock_id=STOCK, person_id=person_id)
    return (await stub.GetProof(request)).proof


async def test_a_round_with_a_beacon_from_its_announcement_to_its_proof(mesh: AllocationMesh) -> None:
    created = await mesh.open_round(beacon=DRAND)
    assert (created.draw_rule, created.beacon, created.beacon_value) == (2, DRAND, b"")
    person_id, *others = people_of(0, 30)
    # Its time has come, but until the value is known nothing can be won, and nobody knows any amount.
    assert list((await mesh.claim(0, [person_id])).outcomes) == [NOT_OPEN]
    assert (await mesh.get_round()).phase == allocation_pb2.ROUND_PHASE_SCHEDULED

    opened = await publish(mesh)
    assert (opened.phase, opened.beacon_value) == (allocation_pb2.ROUND_PHASE_OPEN, VALUE)
    won = await mesh.claim(0, [person_id, *others])
    assert list(won.outcomes) == [WON] * 30
    with pytest.raises(ServiceError, match="PROOF_PENDING") as pending:
        await proof(mesh, person_id)
    assert pending.value.retry_delay_ms == 60_000

    await mesh.clock.advance(60)
    closed = await mesh.closed_round()
    part = closed.parts[0]
    drawn = reference_draw(SEED, STOCK, 0, part.packet_count, part.budget_fen, 1, 880, VALUE)
    assert list(won.amounts_fen) == drawn[:30]
    assert drawn != reference_draw(SEED, STOCK, 0, part.packet_count, part.budget_fen, 1, 880)

    proven = await proof(mesh, others[4])
    read_proof(proven).check(proven.digest)
    assert (proven.drawn_shard, proven.drawn_index, proven.amount_fen) == (0, 5, drawn[5])
    assert hashlib.sha256(proven.seed).digest() == created.seed_commitment
    assert (proven.beacon, proven.beacon_value) == (DRAND, VALUE)


async def test_without_its_value_a_round_gives_everything_back(mesh: AllocationMesh) -> None:
    await mesh.open_round(beacon=DRAND)
    await mesh.clock.advance(60)
    closed = await mesh.closed_round()
    assert (closed.totals.packets_won, closed.totals.returned_fen) == (0, closed.budget_fen)
    with pytest.raises(ServiceError, match="BEACON_TOO_LATE"):
        await publish(mesh)


async def test_a_value_is_told_once_and_not_too_early(mesh: AllocationMesh) -> None:
    await mesh.create_campaign()
    created = await mesh.create_round(beacon=DRAND)
    with pytest.raises(ServiceError, match="BEACON_TOO_EARLY") as early:
        await publish(mesh)
    announced_ms = created.announced_at.ToMilliseconds()
    assert early.value.metadata["allowed_at_ms"] == str(announced_ms + NOTICE_MS)
    assert early.value.retry_delay_ms == NOTICE_MS

    await mesh.clock.advance(NOTICE_MS / 1000)
    first = await publish(mesh)
    assert await publish(mesh) == first
    with pytest.raises(ServiceError, match="BEACON_CONFLICT") as conflict:
        await publish(mesh, bytes(32))
    assert conflict.value.metadata["beacon_value"] == VALUE.hex()

    await mesh.create_round(round_id="round-2")
    request = allocation_pb2.PublishBeaconRequest(campaign_id=CAMPAIGN, round_id="round-2", value=VALUE)
    with pytest.raises(ServiceError, match="BEACON_NOT_ANNOUNCED"):
        await mesh.campaigns().PublishBeacon(request)


async def test_a_round_that_waits_for_its_beacon_can_be_ended(mesh: AllocationMesh) -> None:
    await mesh.open_round(beacon=DRAND)
    request = allocation_pb2.CloseRoundRequest(campaign_id=CAMPAIGN, round_id=ROUND)
    closed = (await mesh.campaigns().CloseRound(request)).round
    assert closed.phase == allocation_pb2.ROUND_PHASE_CLOSED
    assert closed.totals.returned_fen == closed.budget_fen


async def test_the_next_owner_opens_what_the_last_one_could_not(mesh: AllocationMesh) -> None:
    created = await mesh.open_round(beacon=DRAND)
    home, away = mesh.home_shard(), (mesh.home_shard() + 1) % SHARDS
    # One shard has no owner, so the value cannot reach it; then the home's owner dies as well.
    await mesh.instances["a"].host.give(away)
    mesh.map.assign(away, None)
    publishing = asyncio.ensure_future(publish(mesh))
    while not publishing.done():
        await mesh.pass_time(0.1)
    assert isinstance(failure := publishing.exception(), ServiceError)
    assert (failure.reason, failure.metadata["step"]) == ("ROUND_PENDING", "OPEN")
    assert list((await mesh.claim(home, people_of(home, 1))).outcomes) == [WON]
    await mesh.crash(mesh.instances.pop("a"))

    await mesh.start("b", epoch=2)
    for _ in range(100):
        if (await mesh.claim(away, people_of(away, 1), "local/b")).outcomes[0] == WON:
            break
        await mesh.pass_time(0.1)
    assert (await mesh.claim(home, people_of(home, 1), "local/b")).amounts_fen[0] > 0
    assert (await publish(mesh, address="local/b")).beacon_value == VALUE
    await mesh.pass_time(60, step_s=1)
    closed = await mesh.closed_round("local/b")
    assert closed.totals.packets_won == 2
    assert closed.announced_at == created.announced_at


async def test_a_snapshot_keeps_the_beacon() -> None:
    async with memory_mesh(beacon_notice_ms=0) as mesh:
        await mesh.open_round(beacon=DRAND)
        await publish(mesh)
        won = await mesh.claim(0, people_of(0, 5))
        # A planned handoff leaves a snapshot, and the next owner begins with it.
        for shard in range(SHARDS):
            await mesh.instances["a"].host.give(shard)
        await mesh.start("b", epoch=2)
        again = await mesh.claim(0, people_of(0, 5), "local/b")
        assert list(again.amounts_fen) == list(won.amounts_fen)
        assert (await mesh.get_round("local/b")).beacon_value == VALUE


async def test_proofs_wait_until_the_round_is_closed_everywhere(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    person_id = people_of(1, 1)[0]
    await mesh.claim(1, [person_id])
    # The person's own shard may close first; the seed would still tell of packets on all others.
    request = allocation_pb2.CloseStockRequest(stock_id=STOCK, shard=1, early=True)
    await mesh.peers().CloseStock(request)
    with pytest.raises(ServiceError, match="PROOF_PENDING"):
        await proof(mesh, person_id)
    with pytest.raises(ServiceError, match="PACKET_UNKNOWN"):
        await proof(mesh, people_of(1, 2)[1])
    await mesh.pass_time(60, step_s=1)
    await mesh.closed_round()
    proven = await proof(mesh, person_id)
    read_proof(proven).check(proven.digest)
    assert proven.draw_rule == 1


class Lists:
    """What `hongbao publish` reads, from the mesh of the test; pages are small, to be put together."""

    def __init__(self, mesh: AllocationMesh) -> None:
        self._mesh = mesh

    async def packets(self, stock_id: str, shard: int) -> AsyncIterator[allocation_pb2.ListPacketsResponse]:
        request = allocation_pb2.ListPacketsRequest(stock_id=stock_id, shard=shard, page_size=7)
        while True:
            page = await self._mesh.stocks().ListPackets(request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


@pytest.mark.parametrize("beacon", ["", DRAND])
async def test_what_is_published_of_a_round_can_be_verified(mesh: AllocationMesh, beacon: str) -> None:
    await mesh.open_round(beacon=beacon)
    if beacon:
        await publish(mesh)
    for shard in range(1, SHARDS):  # and nobody on shard 0
        await mesh.claim(shard, people_of(shard, 10 * shard))
    await mesh.clock.advance(60)
    closed = await mesh.closed_round()
    assert (await verify_round(Lists(mesh), closed)).complaint == ""
    file = io.BytesIO()
    digest = await write_round(Lists(mesh), closed, file)
    verified = verify_published(io.BytesIO(file.getvalue()))
    assert verified.digest == digest
    assert (verified.packets, verified.won_fen) == (60, closed.totals.won_fen)
    assert verified.heading.opens_at == "2016-02-07T12:00:10Z"
    # A round in which one packet more was promised than the file lists does not pass.
    closed.totals.packets_won += 1
    assert "the totals say 61 packets" in (await verify_round(Lists(mesh), closed)).complaint


async def test_claims_go_on_while_a_large_part_is_drawn() -> None:
    async with memory_mesh(draw_inline_packets_max=0) as mesh:
        await mesh.open_round()
        request = mesh.round_request(round_id="round-2", packet_count=2_000_000, budget_fen=4_000_000)
        creating = asyncio.ensure_future(mesh.campaigns().CreateRound(request))
        stocks = mesh.instances["a"].host.owned(0).state
        answered = 0
        for person_id in people_of(0, 40):
            if creating.done():
                break
            await mesh.claim(0, [person_id])
            answered += stocks.stock_count == 1
        created = await asyncio.wait_for(creating, timeout=60)
        assert created.round.phase == allocation_pb2.ROUND_PHASE_SCHEDULED
        # While the part of this very shard was being drawn, claims of another stock were answered.
        assert answered > 0


async def test_a_part_that_is_asked_for_twice_at_once_is_prepared_once() -> None:
    async with memory_mesh(draw_inline_packets_max=0) as mesh:
        await mesh.open_round(beacon=DRAND)
        part = (await mesh.get_round()).parts[0]
        prepare = allocation_pb2.PrepareStockRequest(
            stock_id=f"{CAMPAIGN}.round-2",
            campaign_id=CAMPAIGN,
            round_id="round-2",
            sponsor_id=7,
            shard=0,
            opens_at=mesh.round_request().opens_at,
            closes_at=mesh.round_request().closes_at,
            budget_fen=part.budget_fen,
            packet_count=part.packet_count,
            packet_min_fen=1,
            packet_max_fen=880,
            release_curve=events_pb2.RELEASE_CURVE_IMMEDIATE,
            seed=SEED,
            draw_rule=1,
        )
        await asyncio.gather(*(mesh.peers().PrepareStock(prepare) for _ in range(3)))
        opening = allocation_pb2.OpenStockRequest(stock_id=STOCK, shard=0, beacon_value=VALUE)
        await asyncio.gather(*(mesh.peers().OpenStock(opening) for _ in range(3)))
        kinds = [record.event.WhichOneof("event") for record in await mesh.feed(0)]
        assert kinds.count("stock_prepared") == 2
        assert kinds.count("stock_opened") == 1
