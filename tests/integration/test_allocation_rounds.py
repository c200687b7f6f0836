from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from hongbao.allocation.v1 import allocation_pb2
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.journal.memory import MemoryStore
from tests.integration.allocation_mesh import (
    CAMPAIGN,
    ROUND,
    SEED,
    SHARDS,
    SPONSOR,
    STOCK,
    AllocationMesh,
    at,
    memory_mesh,
    people_of,
    until,
)
from tests.unit.allocation.reference_draw import reference_draw

WON = allocation_pb2.CLAIM_OUTCOME_WON
CLOSED = allocation_pb2.CLAIM_OUTCOME_CLOSED


@pytest.fixture
async def mesh() -> AsyncIterator[AllocationMesh]:
    async with memory_mesh() as made:
        yield made


async def test_a_round_from_its_creation_to_its_proof(mesh: AllocationMesh) -> None:
    await mesh.create_campaign()
    created = await mesh.create_round()
    assert created.phase == allocation_pb2.ROUND_PHASE_SCHEDULED
    assert created.seed == b""
    assert created.seed_commitment == hashlib.sha256(SEED).digest()
    assert sum(part.budget_fen for part in created.parts) == 66_800
    held = mesh.settlement.holds[STOCK]
    assert {part.part: part.amount_fen for part in held.parts} == {
        part.shard: part.budget_fen for part in created.parts
    }

    await mesh.clock.advance(10)
    won_fen = 0
    for shard in range(SHARDS):
        answer = await mesh.claim(shard, people_of(shard, 60))
        assert list(answer.outcomes) == [WON] * 60
        won_fen += sum(answer.amounts_fen)
    assert (await mesh.get_round()).phase == allocation_pb2.ROUND_PHASE_OPEN

    await mesh.clock.advance(60)
    closed = await mesh.closed_round()
    assert closed.totals.packets_won == 60 * SHARDS
    assert closed.totals.won_fen == won_fen
    assert closed.totals.won_fen + closed.totals.returned_fen == closed.budget_fen
    assert hashlib.sha256(closed.seed).digest() == created.seed_commitment
    for part in closed.parts:
        drawn = reference_draw(closed.seed, STOCK, part.shard, part.packet_count, part.budget_fen, 1, 880)
        request = allocation_pb2.ListPacketsRequest(stock_id=STOCK, shard=part.shard)
        packets = await mesh.stocks().ListPackets(request)
        assert list(packets.packet_indexes) == list(range(60))
        assert list(packets.amounts_fen) == drawn[:60]
        assert list(packets.person_ids) == people_of(part.shard, 60)


async def test_the_campaigns_rule_for_winnings_is_held_with_the_money(mesh: AllocationMesh) -> None:
    until_at = at(mesh.clock.now_ms() + 70_000)
    await mesh.create_campaign(wait_until=until_at)
    created = await mesh.create_round()
    assert created.winnings_wait_until_at == until_at
    assert mesh.settlement.holds[STOCK].winnings_wait_until_at == until_at


async def test_a_campaign_without_a_rule_for_winnings_leaves_it_to_settlement(mesh: AllocationMesh) -> None:
    await mesh.create_campaign()
    created = await mesh.create_round()
    assert not created.HasField("winnings_wait_until_at")
    assert not mesh.settlement.holds[STOCK].HasField("winnings_wait_until_at")


async def test_asking_again_returns_what_is_there(mesh: AllocationMesh) -> None:
    assert await mesh.create_campaign() == await mesh.create_campaign()
    request = mesh.round_request()
    first = (await mesh.campaigns().CreateRound(request)).round
    # Also after it has opened, when it could not be created any more.
    await mesh.clock.advance(30)
    again = (await mesh.campaigns().CreateRound(request)).round
    assert again.phase == allocation_pb2.ROUND_PHASE_OPEN
    again.phase = first.phase
    assert again == first
    request.budget_fen += 1
    with pytest.raises(ServiceError, match="ROUND_CONFLICT"):
        await mesh.campaigns().CreateRound(request)


async def test_a_round_that_the_sponsor_cannot_pay_leaves_nothing_behind(mesh: AllocationMesh) -> None:
    mesh.settlement.available_fen = 66_799
    await mesh.create_campaign()
    with pytest.raises(ServiceError, match="FUNDS_INSUFFICIENT") as failure:
        await mesh.create_round()
    assert failure.value.domain == "hongbao.allocation"
    assert failure.value.metadata == {
        "sponsor_id": str(SPONSOR),
        "needed_fen": "66800",
        "available_fen": "66799",
    }
    request = allocation_pb2.GetCampaignRequest(campaign_id=CAMPAIGN)
    assert (await mesh.campaigns().GetCampaign(request)).campaign.committed_fen == 0
    with pytest.raises(ServiceError, match="ROUND_UNKNOWN"):
        await mesh.get_round()
    mesh.settlement.available_fen = 66_800
    assert (await mesh.create_round()).phase == allocation_pb2.ROUND_PHASE_SCHEDULED


async def test_a_round_waits_for_settlement_and_is_completed_without_being_asked_again(
    mesh: AllocationMesh,
) -> None:
    await mesh.create_campaign()
    mesh.stop_settlement()
    request = mesh.round_request()
    creation = asyncio.ensure_future(mesh.campaigns().CreateRound(request))
    await until(lambda: _round_count(mesh) == 1, "the round is on record")
    await mesh.pass_time(1.6)
    with pytest.raises(ServiceError, match="ROUND_PENDING") as failure:
        await creation
    assert failure.value.metadata["step"] == "FUND"
    assert failure.value.retry_delay_ms == 500
    assert (await mesh.get_round()).phase == allocation_pb2.ROUND_PHASE_PREPARING

    await mesh.start_settlement()
    await mesh.pass_time(3)
    assert (await mesh.get_round()).phase == allocation_pb2.ROUND_PHASE_SCHEDULED
    assert (await mesh.campaigns().CreateRound(request)).round.seed_commitment


async def test_the_next_owner_completes_what_a_crash_left_half_made(mesh: AllocationMesh) -> None:
    await mesh.create_campaign()
    mesh.stop_settlement()
    creation = asyncio.ensure_future(mesh.create_round())
    await until(lambda: _round_count(mesh) == 1, "the round is on record")
    await mesh.crash(mesh.instances["a"])
    with pytest.raises(ServiceError):
        await creation

    await mesh.start_settlement()
    await mesh.start("b", epoch=2)
    await until(lambda: STOCK in mesh.settlement.holds, "the hold is taken")
    await mesh.pass_time(3)
    found = await mesh.get_round("local/b")
    assert found.phase == allocation_pb2.ROUND_PHASE_SCHEDULED
    assert found.seed_commitment == hashlib.sha256(SEED).digest()


async def test_no_money_is_held_for_a_round_that_a_crash_makes_forgotten(mesh: AllocationMesh) -> None:
    await mesh.create_campaign()
    assert isinstance(mesh.store, MemoryStore)
    mesh.store.latency_s = 1.0
    creation = asyncio.ensure_future(mesh.create_round())
    home = mesh.instances["a"].host.owned(mesh.home_shard())
    await until(lambda: home.seq > home.durable_seq, "the round is decided")
    await mesh.pass_time(0.5)
    assert not mesh.settlement.holds
    await mesh.crash(mesh.instances["a"])
    with pytest.raises(ServiceError):
        await creation
    mesh.store.latency_s = 0.0
    await mesh.start("b", epoch=2)
    with pytest.raises(ServiceError, match="ROUND_UNKNOWN"):
        await mesh.get_round("local/b")
    assert not mesh.settlement.holds


async def test_a_round_that_was_refused_stays_refused_though_its_owner_dies(mesh: AllocationMesh) -> None:
    await mesh.create_campaign()
    assert isinstance(mesh.store, MemoryStore)
    mesh.store.latency_s = 0.5
    mesh.settlement.available_fen = 0
    creation = asyncio.ensure_future(mesh.create_round())
    while not creation.done():
        await mesh.pass_time(0.05)
    with pytest.raises(ServiceError, match="FUNDS_INSUFFICIENT"):
        await creation
    await mesh.crash(mesh.instances["a"])
    mesh.settlement.available_fen = 10**8
    mesh.store.latency_s = 0.0
    await mesh.start("b", epoch=2)
    await mesh.pass_time(1)
    with pytest.raises(ServiceError, match="ROUND_UNKNOWN"):
        await mesh.get_round("local/b")
    assert not mesh.settlement.holds


@pytest.mark.parametrize("kind", [ErrorKind.UNAVAILABLE, ErrorKind.DENIED, ErrorKind.DATA_LOSS])
async def test_an_error_that_is_no_answer_leaves_no_money_held_for_nobody(
    mesh: AllocationMesh, kind: ErrorKind
) -> None:
    """The hold was taken, but its answer was lost: what comes instead must not make the round forgotten."""
    await mesh.create_campaign()
    mesh.settlement.lost_answers = [_error(ErrorKind.DEADLINE), _error(kind)]
    creation = asyncio.ensure_future(mesh.create_round())
    while not creation.done():
        await mesh.pass_time(0.05)
    assert (await creation).phase == allocation_pb2.ROUND_PHASE_SCHEDULED
    assert STOCK in mesh.settlement.holds


async def test_an_attempt_that_came_too_late_is_no_refusal(mesh: AllocationMesh) -> None:
    """It was held up, or another attempt of its time was refused: the next one names a later moment."""
    await mesh.create_campaign()
    late = _error(ErrorKind.PRECONDITION)
    late.domain, late.reason = "hongbao.settlement", "HOLD_TOO_LATE"
    mesh.settlement.lost_answers = [late]
    creation = asyncio.ensure_future(mesh.create_round())
    while not creation.done():
        await mesh.pass_time(0.05)
    assert (await creation).phase == allocation_pb2.ROUND_PHASE_SCHEDULED


async def test_a_round_closes_to_the_millisecond(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    await mesh.clock.advance(59.999)
    last = await mesh.claim(0, people_of(0, 2))
    assert list(last.outcomes) == [WON, WON]
    await mesh.clock.advance(0.001)
    late = await mesh.claim(0, people_of(0, 3)[2:])
    assert list(late.outcomes) == [CLOSED]
    closed = await mesh.closed_round()
    assert closed.totals.won_fen == sum(last.amounts_fen)


async def test_the_operator_ends_a_round_early(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    won = await mesh.claim(1, people_of(1, 5))
    request = allocation_pb2.CloseRoundRequest(campaign_id=CAMPAIGN, round_id=ROUND)
    closed = (await mesh.campaigns().CloseRound(request)).round
    assert closed.phase == allocation_pb2.ROUND_PHASE_CLOSED
    assert closed.totals.won_fen == sum(won.amounts_fen)
    assert closed.totals.returned_fen == closed.budget_fen - closed.totals.won_fen
    assert closed.seed == SEED
    assert list((await mesh.claim(1, people_of(1, 6)[5:])).outcomes) == [CLOSED]
    assert (await mesh.campaigns().CloseRound(request)).round == closed


async def test_a_round_ends_although_a_shard_was_without_an_owner_at_its_close(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    await mesh.claim(3, people_of(3, 5))
    home = mesh.home_shard()
    orphan = (home + 1) % SHARDS
    await mesh.instances["a"].host.give(orphan)
    mesh.map.assign(orphan, None)
    await mesh.pass_time(61, step_s=0.5)
    assert (await mesh.get_round()).phase == allocation_pb2.ROUND_PHASE_CLOSING
    await mesh.start("b", shards=[orphan], epoch=2)
    closed = await mesh.closed_round()
    assert closed.totals.packets_won == 5


async def test_the_seed_is_nowhere_before_the_round_is_closed(mesh: AllocationMesh) -> None:
    await mesh.open_round()
    await mesh.claim(0, people_of(0, 3))

    async def everything_that_can_be_read() -> bytes:
        feeds = [record.SerializeToString() for shard in range(SHARDS) for record in await mesh.feed(shard)]
        listed = await mesh.campaigns().ListRounds(allocation_pb2.ListRoundsRequest(campaign_id=CAMPAIGN))
        stock = allocation_pb2.GetStockRequest(stock_id=STOCK, shard=0)
        read = [
            await mesh.get_round(),
            listed,
            await mesh.stocks().GetStock(stock),
            await mesh.packet(people_of(0, 1)[0]),
        ]
        return b"".join([*feeds, *(message.SerializeToString() for message in read)])

    before = await everything_that_can_be_read()
    assert hashlib.sha256(SEED).digest() in before
    assert SEED not in before
    await mesh.pass_time(61, step_s=0.5)
    await mesh.closed_round()
    after = await everything_that_can_be_read()
    assert SEED in after


async def test_rounds_are_listed_page_by_page(mesh: AllocationMesh) -> None:
    await mesh.create_campaign()
    for number in range(5):
        await mesh.create_round(round_id=f"round-{number}")
    names: list[str] = []
    token = ""
    for _ in range(3):
        request = allocation_pb2.ListRoundsRequest(campaign_id=CAMPAIGN, page_size=2, page_token=token)
        page = await mesh.campaigns().ListRounds(request)
        names += [found.round_id for found in page.rounds]
        token = page.next_page_token
    assert names == [f"round-{number}" for number in range(5)]
    assert token == ""


def _round_count(mesh: AllocationMesh) -> int:
    """How many rounds are durably on record."""
    shard = mesh.instances["a"].host.owned(mesh.home_shard())
    return len(list(shard.state.rounds.all_rounds())) if shard.seq == shard.durable_seq else 0


def _error(kind: ErrorKind) -> ServiceError:
    return ServiceError.rebuilt(
        kind=kind, domain="hongbao.mesh", reason=kind.name, message="", metadata={}, retry_delay_ms=None
    )
