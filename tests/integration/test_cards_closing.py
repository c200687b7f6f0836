"""How a game ends between processes: to the millisecond, by luck, for good, and whoever dies."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from hongbao.cards.v1 import (
    cards_pb2,
    cards_pb2_grpc,
    events_pb2,
    exchanges_pb2,
    exchanges_pb2_grpc,
    figures_pb2,
    figures_pb2_grpc,
)
from services.cards.domain.sets.luck import luck_classes, luck_key, lucky_shares
from services.cards.domain.vocabulary import CampaignId
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of_text
from tests.integration.cards_mesh import CardsMesh

SPRING = "spring-2016"
LASTS_MS = 60_000
SHARDS = 4
HOME = shard_of_text(SPRING, SHARDS)
POOL_FEN = 100_000
ROUNDS = [f"round-{number}" for number in range(40)]
TAP, CLOSED = events_pb2.CARD_SOURCE_TAP, cards_pb2.DEAL_OUTCOME_CLOSED


@pytest.fixture
async def mesh() -> AsyncIterator[CardsMesh]:
    # Feeds log each attempt to reach an owner that is dead, which takes longer to print than all the rest.
    with capture_logs():
        async with CardsMesh(SHARDS) as mesh:
            yield mesh


async def created(mesh: CardsMesh, share_mode: str = "SHARE_MODE_EQUAL") -> cards_pb2.Game:
    request = cards_pb2.CreateGameRequest(campaign_id=SPRING, sponsor_id=7, pool_fen=POOL_FEN)
    for card in range(1, 6):
        request.supply.card_limits.add(card=events_pb2.Card.ValueType(card), issue_limit=2_000)
    request.supply.source_quotas.add(source=TAP, card_quota=10_000)
    request.opens_at.FromMilliseconds(mesh.clock.now_ms())
    request.deadline.FromMilliseconds(mesh.clock.now_ms() + LASTS_MS)
    request.share_mode = events_pb2.ShareMode.Value(share_mode)
    return (await mesh.driven(mesh.player(HOME).CreateGame(request))).game


async def shown(mesh: CardsMesh) -> cards_pb2.Game:
    request = cards_pb2.GetGameRequest(campaign_id=SPRING)
    return (await mesh.driven(mesh.player(HOME).GetGame(request))).game


def a_deal(shard: int, persons: Sequence[int], keys: Sequence[str]) -> cards_pb2.DealBatchRequest:
    return cards_pb2.DealBatchRequest(
        campaign_id=SPRING, shard=shard, source=TAP, person_ids=persons, source_keys=keys
    )


async def give_sets(mesh: CardsMesh, shard: int, persons: Sequence[int]) -> None:
    """Cards for 40 rounds to each, which are enough for one of each kind and some more."""
    for person in persons:
        request = a_deal(shard, [person] * len(ROUNDS), ROUNDS)
        for _ in range(200):
            response = await mesh.driven(mesh.player(shard).DealBatch(request))
            if cards_pb2.DEAL_OUTCOME_NOT_RELEASED not in response.outcomes:
                break
            await mesh.pass_time(0.25)
        assert set(response.cards) == {1, 2, 3, 4, 5}


def completing(mesh: CardsMesh, shard: int, person: int) -> Awaitable[cards_pb2.CompleteSetResponse]:
    return mesh.player(shard).CompleteSet(cards_pb2.CompleteSetRequest(campaign_id=SPRING, person_id=person))


async def completed(
    mesh: CardsMesh, shard: int, persons: Sequence[int]
) -> cards_pb2.CompleteSetBatchResponse:
    request = cards_pb2.CompleteSetBatchRequest(campaign_id=SPRING, shard=shard, person_ids=persons)
    return await mesh.driven(mesh.player(shard).CompleteSetBatch(request))


def offering(mesh: CardsMesh, shard: int, giver: int, receiver: int) -> Awaitable[cards_pb2.GiftCardResponse]:
    request = cards_pb2.GiftCardRequest(
        campaign_id=SPRING,
        request_id=str(uuid.uuid4()),
        from_person_id=giver,
        to_person_id=receiver,
        card=events_pb2.CARD_HARMONY,
    )
    return mesh.player(shard).GiftCard(request)


async def reason_of(mesh: CardsMesh, work: Awaitable[object]) -> str:
    with pytest.raises(ServiceError) as refused:
        await mesh.driven(work)
    return refused.value.reason


@dataclass(frozen=True)
class Evening:
    """Two friends of one shard who hold cards, and a gift of one that the other has not accepted."""

    one: int
    other: int
    exchange_id: str


async def an_evening(mesh: CardsMesh) -> Evening:
    one, other = mesh.person(0, HOME), mesh.person(1, HOME)
    mesh.social.befriend(one, other)
    await give_sets(mesh, HOME, [one, other])
    offered = await mesh.driven(offering(mesh, HOME, one, other))
    return Evening(one, other, offered.exchange.exchange_id)


def accepting(mesh: CardsMesh, evening: Evening) -> Awaitable[exchanges_pb2.AcceptGiftResponse]:
    stub = exchanges_pb2_grpc.ExchangeServiceStub(mesh.channel(HOME))
    return stub.AcceptGift(
        exchanges_pb2.AcceptGiftRequest(
            campaign_id=SPRING, exchange_id=evening.exchange_id, person_id=evening.other
        )
    )


async def test_everything_counts_in_the_last_millisecond_and_nothing_in_the_next(mesh: CardsMesh) -> None:
    game = await created(mesh)
    evening = await an_evening(mesh)
    late = await mesh.driven(offering(mesh, HOME, evening.one, evening.other))
    deadline_ms = game.deadline.ToMilliseconds()
    await mesh.clock.advance((deadline_ms - 1 - mesh.clock.now_ms()) / 1000)
    player = mesh.player(HOME)

    # Awaited as they are: nothing of this may wait for time to pass.
    dealt = await player.DealBatch(a_deal(HOME, [evening.other], ["last"]))
    offered = await offering(mesh, HOME, evening.other, evening.one)
    accepted = await accepting(mesh, evening)
    done = await completing(mesh, HOME, evening.one)
    assert mesh.clock.now_ms() == deadline_ms - 1
    assert list(dealt.outcomes) == [cards_pb2.DEAL_OUTCOME_DEALT]
    assert offered.gift.sent_at.ToMilliseconds() == deadline_ms - 1
    assert accepted.exchange.state == events_pb2.EXCHANGE_STATE_ACCEPTED
    assert done.completion.completed_at.ToMilliseconds() == deadline_ms - 1

    await mesh.clock.advance(0.001)
    dealt = await mesh.driven(player.DealBatch(a_deal(HOME, [evening.other], ["too-late"])))
    assert list(dealt.outcomes) == [CLOSED]
    assert await reason_of(mesh, offering(mesh, HOME, evening.other, evening.one)) == "DEADLINE_PASSED"
    missed = Evening(evening.one, evening.other, late.exchange.exchange_id)
    assert await reason_of(mesh, accepting(mesh, missed)) in {"DEADLINE_PASSED", "EXCHANGE_ENDED"}
    assert await reason_of(mesh, completing(mesh, HOME, evening.other)) == "DEADLINE_PASSED"
    batch = await completed(mesh, HOME, [evening.one, evening.other])
    assert list(batch.outcomes) == [
        cards_pb2.COMPLETION_OUTCOME_ALREADY_COMPLETED,
        cards_pb2.COMPLETION_OUTCOME_CLOSED,
    ]
    await mesh.pass_time(3)
    assert sum((await shown(mesh)).decision.sets_by_shard) == 1


async def test_after_the_decision_the_game_stands_still(mesh: CardsMesh) -> None:
    await created(mesh)
    evening = await an_evening(mesh)
    await completed(mesh, HOME, [evening.one])
    await mesh.pass_time(LASTS_MS / 1000 + 3)
    decision = (await shown(mesh)).decision
    assert decision.share_fen == POOL_FEN
    # All tasks that follow feeds are where they will stay.
    await mesh.pass_time(2)
    before = await of_the_game(mesh)

    dealt = await mesh.driven(mesh.player(HOME).DealBatch(a_deal(HOME, [evening.other], ["late"])))
    assert list(dealt.outcomes) == [CLOSED]
    assert await reason_of(mesh, offering(mesh, HOME, evening.other, evening.one)) == "DEADLINE_PASSED"
    assert await reason_of(mesh, accepting(mesh, evening)) in {"DEADLINE_PASSED", "EXCHANGE_ENDED"}
    assert await reason_of(mesh, completing(mesh, HOME, evening.other)) == "DEADLINE_PASSED"
    batch = await completed(mesh, HOME, [evening.other])
    assert list(batch.outcomes) == [cards_pb2.COMPLETION_OUTCOME_CLOSED]
    shards = cards_pb2_grpc.CardsShardServiceStub(
        mesh.processes[0].channels.channel(mesh.processes[HOME % 2].address)
    )
    again = await mesh.driven(shards.SealGame(cards_pb2.SealGameRequest(campaign_id=SPRING, shard=HOME)))
    assert again.seal.sets_completed == 1
    other = events_pb2.PoolDecided()
    other.CopyFrom(decision)
    other.remainder_fen += 1
    finish = cards_pb2.FinishGameRequest(shard=HOME, decision=other)
    assert await reason_of(mesh, shards.FinishGame(finish)) == "GAME_CONFLICT"
    assert await of_the_game(mesh) == before


async def of_the_game(mesh: CardsMesh) -> list[list[events_pb2.CardsEvent]]:
    """All records that say anything, by shard."""
    return [
        [record for record in await mesh.records(shard) if not record.HasField("feed_skipped")]
        for shard in range(SHARDS)
    ]


async def test_sets_that_are_completed_in_one_turn_share_a_record(mesh: CardsMesh) -> None:
    await created(mesh)
    persons = [mesh.person(number, HOME) for number in range(5)]
    await give_sets(mesh, HOME, persons[:4])
    answers = await asyncio.gather(
        *(completing(mesh, HOME, person) for person in (*persons, persons[0])), return_exceptions=True
    )
    assert isinstance(answers[4], ServiceError)
    assert answers[4].reason == "SET_INCOMPLETE"
    times = [
        answer.completion.completed_at.ToMilliseconds()
        for answer in answers
        if not isinstance(answer, BaseException)
    ]
    assert times == [mesh.clock.now_ms()] * 5
    records = [
        record.sets_completed for record in await mesh.records(HOME) if record.HasField("sets_completed")
    ]
    assert sorted(person for record in records for person in record.person_ids) == sorted(persons[:4])
    assert len(records) < 4


async def test_luck_shares_the_pool_and_everybody_can_check_it(mesh: CardsMesh) -> None:
    await created(mesh, "SHARE_MODE_LUCKY")
    persons = [[mesh.person(number, shard) for number in range(3)] for shard in range(SHARDS)]
    for shard in range(SHARDS):
        await give_sets(mesh, shard, persons[shard])
        await completed(mesh, shard, persons[shard])
    game = await shown(mesh)
    assert game.share_mode == events_pb2.SHARE_MODE_LUCKY
    await mesh.pass_time(LASTS_MS / 1000 + 3)
    decision = (await shown(mesh)).decision
    key = luck_key(decision.seed, CampaignId(SPRING))
    sets_by_luck = [0] * 199
    for shard in range(SHARDS):
        told = [
            record.sets_completed for record in await mesh.records(shard) if record.HasField("sets_completed")
        ]
        for record in told:
            assert record.luck_classes == luck_classes(key, record.person_ids)
            for luck in record.luck_classes:
                sets_by_luck[luck - 1] += 1
    assert list(decision.sets_by_luck) == sets_by_luck
    assert tuple(decision.luck_shares_fen) == lucky_shares(POOL_FEN, sets_by_luck)
    assert sum(decision.shard_shares_fen) + decision.remainder_fen == POOL_FEN
    paid_fen = [
        sum([(await completion(mesh, shard, person)).share_fen for person in persons[shard]])
        for shard in range(SHARDS)
    ]
    assert paid_fen == list(decision.shard_shares_fen)


async def completion(mesh: CardsMesh, shard: int, person: int) -> cards_pb2.Completion:
    request = cards_pb2.ListHandRequest(campaign_id=SPRING, person_id=person)
    return (await mesh.driven(mesh.player(shard).ListHand(request))).completion


async def test_a_feed_does_not_tell_the_key_of_luck(mesh: CardsMesh) -> None:
    await created(mesh, "SHARE_MODE_LUCKY")
    for shard in range(SHARDS):
        assert any(len(record.game_prepared.luck_key) for record in await mesh.records(shard))
        async for response in mesh.feed(shard):
            assert any(record.event.HasField("game_prepared") for record in response.records)
            assert not any(record.event.game_prepared.luck_key for record in response.records)
            break


async def test_a_sealing_that_was_cut_off_goes_on_at_the_next_owner_with_the_same_counts(
    mesh: CardsMesh,
) -> None:
    await created(mesh, "SHARE_MODE_LUCKY")
    shard = (HOME + 1) % SHARDS
    person = mesh.person(0, shard)
    await give_sets(mesh, shard, [person])
    await completed(mesh, shard, [person])
    near = mesh.processes[HOME % 2]
    far = mesh.processes[1 - HOME % 2]
    mesh.blocked.add((far.address, "SealGame"))
    await mesh.pass_time(LASTS_MS / 1000 + 3)
    assert (await shown(mesh)).phase == cards_pb2.GAME_PHASE_SEALING
    await mesh.crash(near)
    mesh.blocked.clear()
    await mesh.take_over(far)
    await mesh.pass_time(3)
    decisions = [
        record.pool_decided
        for number in range(SHARDS)
        for record in await mesh.records(number)
        if record.HasField("pool_decided")
    ]
    assert len(decisions) == SHARDS
    assert all(decision == decisions[0] for decision in decisions)
    assert decisions[0].shard_shares_fen[shard] == POOL_FEN


async def test_a_screen_follows_a_game_to_its_end(mesh: CardsMesh) -> None:
    await created(mesh)
    person = mesh.person(0, HOME)
    stub = figures_pb2_grpc.FiguresServiceStub(mesh.channel(HOME))
    told: list[figures_pb2.GameFigures] = []

    async def watch() -> None:
        async for response in stub.WatchFigures(figures_pb2.WatchFiguresRequest(campaign_id=SPRING)):
            told.append(response.figures)  # noqa: PERF401 - they are looked at while they come

    watching = asyncio.ensure_future(watch())
    await mesh.until(lambda: len(told) == 1)
    await give_sets(mesh, HOME, [person])
    await completed(mesh, HOME, [person])
    await mesh.until(lambda: told[-1].sets_completed == 1)
    assert told[-1].phase == cards_pb2.GAME_PHASE_OPEN
    assert told[-1].forecast.share_high_fen == POOL_FEN
    await mesh.pass_time(LASTS_MS / 1000 + 3)
    # The server ends it.
    await mesh.driven(watching)
    assert told[-1].phase == cards_pb2.GAME_PHASE_CLOSED
    final = told[-1]
    assert [place.spent for place in final.cards] == [1] * 5
    for place in final.cards:
        assert place.issued == place.held + place.spent
    assert sum(place.issued for place in final.cards) == len(ROUNDS)
    assert final.forecast.share_low_fen == final.forecast.share_high_fen == POOL_FEN
    assert (mesh.clock.now_ms() - final.read_at.ToMilliseconds()) < LASTS_MS
