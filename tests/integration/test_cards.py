"""The card game between processes: friends, gifts over shards, the deadline, and owners that die."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable

import pytest
from structlog.testing import capture_logs

from hongbao.cards.v1 import cards_pb2, events_pb2
from services.cards.domain.supply.draw import draw_key, replay
from services.cards.domain.vocabulary import CampaignId
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of_text
from tests.integration.cards_mesh import CardsMesh

SPRING = "spring-2016"
LASTS_MS = 60_000
SHARDS = 4


@pytest.fixture
async def mesh() -> AsyncIterator[CardsMesh]:
    # Feeds log each attempt to reach an owner that is dead, which takes longer to print than all the rest.
    with capture_logs():
        async with CardsMesh(SHARDS) as mesh:
            yield mesh


def an_order(mesh: CardsMesh, issue_limit: int = 400, pool_fen: int = 1_000) -> cards_pb2.CreateGameRequest:
    request = cards_pb2.CreateGameRequest(campaign_id=SPRING, sponsor_id=7, pool_fen=pool_fen)
    for card in range(1, 6):
        request.supply.card_limits.add(card=events_pb2.Card.ValueType(card), issue_limit=issue_limit)
    for source in range(1, 4):
        request.supply.source_quotas.add(source=events_pb2.CardSource.ValueType(source), card_quota=2_000)
    request.opens_at.FromMilliseconds(mesh.clock.now_ms())
    request.deadline.FromMilliseconds(mesh.clock.now_ms() + LASTS_MS)
    return request


async def created(mesh: CardsMesh, issue_limit: int = 400, pool_fen: int = 1_000) -> cards_pb2.Game:
    response = await mesh.driven(mesh.player(home()).CreateGame(an_order(mesh, issue_limit, pool_fen)))
    return response.game


def home() -> int:
    return shard_of_text(SPRING, SHARDS)


async def shown(mesh: CardsMesh) -> cards_pb2.Game:
    response = await mesh.driven(mesh.player(home()).GetGame(cards_pb2.GetGameRequest(campaign_id=SPRING)))
    return response.game


async def hand(mesh: CardsMesh, shard: int, person: int) -> Counter[int]:
    request = cards_pb2.ListHandRequest(campaign_id=SPRING, person_id=person)
    response = await mesh.driven(mesh.player(shard).ListHand(request))
    return Counter({held.card: held.held_count for held in response.cards})


async def dealt(mesh: CardsMesh, shard: int, person: int, count: int) -> list[int]:
    """Cards for so many rounds, in order."""
    request = cards_pb2.DealBatchRequest(
        campaign_id=SPRING,
        shard=shard,
        source=events_pb2.CARD_SOURCE_TAP,
        person_ids=[person] * count,
        source_keys=[f"round-{number}" for number in range(count)],
    )
    response = await mesh.driven(mesh.player(shard).DealBatch(request))
    return list(response.cards)


def a_gift(giver: int, receiver: int, card: int) -> cards_pb2.GiftCardRequest:
    return cards_pb2.GiftCardRequest(
        campaign_id=SPRING,
        request_id=str(uuid.uuid4()),
        from_person_id=giver,
        to_person_id=receiver,
        card=events_pb2.Card.ValueType(card),
    )


async def reason_of(mesh: CardsMesh, work: Awaitable[object]) -> str:
    with pytest.raises(ServiceError) as refused:
        await mesh.driven(work)
    return refused.value.reason


async def everything_is_somewhere(mesh: CardsMesh) -> None:
    """The invariant over all shards, when nothing is on its way."""
    parts = [await mesh.figures(SPRING, shard) for shard in range(SHARDS)]
    for index in range(5):
        issued = sum(part.cards[index].issued for part in parts)
        assert issued == sum(part.cards[index].held + part.cards[index].spent for part in parts)
        assert sum(part.cards[index].sent for part in parts) == sum(
            part.cards[index].received for part in parts
        )
        assert all(part.cards[index].issued <= part.cards[index].issue_limit for part in parts)


async def test_the_games_rule_for_winnings_is_held_with_the_pool(mesh: CardsMesh) -> None:
    order = an_order(mesh)
    order.winnings_wait_until_at.FromMilliseconds(mesh.clock.now_ms() + LASTS_MS)
    await mesh.driven(mesh.player(home()).CreateGame(order))
    held = mesh.settlement.holds[f"{SPRING}.pool"]
    assert held.winnings_wait_until_at == order.winnings_wait_until_at
    assert (await shown(mesh)).winnings_wait_until_at == order.winnings_wait_until_at


async def test_new_friends_earn_a_card_each_on_their_own_shards(mesh: CardsMesh) -> None:
    await created(mesh)
    one, other = mesh.person(0, 0), mesh.person(0, 1)
    mesh.social.befriend(one, other)
    mesh.social.befriend(one, mesh.person(1, 0))

    async def all_have_theirs() -> bool:
        counts = [(await hand(mesh, shard, person)).total() for shard, person in ((0, one), (1, other))]
        return counts == [2, 1]

    while not await all_have_theirs():
        await mesh.pass_time(0.25)
    await mesh.pass_time(2)
    assert await all_have_theirs()
    await everything_is_somewhere(mesh)


async def test_a_gift_crosses_shards_and_can_complete_a_set_there(mesh: CardsMesh) -> None:
    await created(mesh)
    giver, receiver = mesh.person(0, 0), mesh.person(0, 1)
    mesh.social.pairs.append((min(giver, receiver), max(giver, receiver)))
    owned = Counter(await dealt(mesh, 0, giver, 40))
    assert len(owned) == 5
    for card in range(1, 6):
        response = await mesh.driven(mesh.player(0).GiftCard(a_gift(giver, receiver, card)))
        assert response.gift.state == cards_pb2.GIFT_STATE_IN_TRANSIT
    while (await hand(mesh, 1, receiver)).total() < 5:
        await mesh.pass_time(0.25)
    assert await hand(mesh, 0, giver) == owned - Counter(range(1, 6))
    request = cards_pb2.CompleteSetRequest(campaign_id=SPRING, person_id=receiver)
    first = await mesh.driven(mesh.player(1).CompleteSet(request))
    again = await mesh.driven(mesh.player(1).CompleteSet(request))
    assert first == again
    assert (await hand(mesh, 1, receiver)).total() == 0
    await everything_is_somewhere(mesh)


async def test_a_gift_arrives_once_though_both_owners_die_on_the_way(mesh: CardsMesh) -> None:
    await created(mesh)
    giver, receiver = mesh.person(0, 0), mesh.person(0, 1)
    mesh.social.pairs.append((min(giver, receiver), max(giver, receiver)))
    card = (await dealt(mesh, 0, giver, 1))[0]
    first, second = mesh.processes
    await mesh.crash(second)
    request = a_gift(giver, receiver, card)
    sent = await mesh.driven(mesh.player(0).GiftCard(request))
    await mesh.crash(first)
    await mesh.take_over(await mesh.start("cards-2"))
    assert await mesh.driven(mesh.player(0).GiftCard(request)) == sent
    while (await hand(mesh, 1, receiver)).total() == 0:
        await mesh.pass_time(0.25)
    heir = await mesh.start("cards-3")
    await mesh.crash(mesh.processes[2])
    await mesh.take_over(heir)
    await mesh.pass_time(2)
    assert await hand(mesh, 1, receiver) == Counter({card: 1})
    assert (await hand(mesh, 0, giver)).total() == 0
    await everything_is_somewhere(mesh)


async def test_a_deadline_closes_everywhere_and_the_pool_is_shared_to_the_fen(mesh: CardsMesh) -> None:
    game = await created(mesh, pool_fen=1_000)
    assert game.phase == cards_pb2.GAME_PHASE_OPEN
    assert game.seed_commitment
    assert not game.HasField("decision")
    for shard in range(3):
        person = mesh.person(0, shard)
        assert len(set(await dealt(mesh, shard, person, 40))) == 5
        request = cards_pb2.CompleteSetRequest(campaign_id=SPRING, person_id=person)
        await mesh.driven(mesh.player(shard).CompleteSet(request))
    await mesh.pass_time(LASTS_MS / 1000 + 2)
    game = await shown(mesh)
    assert game.phase == cards_pb2.GAME_PHASE_CLOSED
    decision = game.decision
    assert (decision.share_fen, decision.remainder_fen) == (333, 1)
    assert list(decision.sets_by_shard) == [1, 1, 1, 0]
    assert hashlib.sha256(decision.seed).digest() == game.seed_commitment
    assert mesh.settlement.holds.keys() == {f"{SPRING}.pool"}
    for shard in range(SHARDS):
        records = await mesh.records(shard)
        assert [record.pool_decided for record in records if record.HasField("pool_decided")] == [decision]


async def test_every_dealt_card_can_be_recomputed_from_the_revealed_seed(mesh: CardsMesh) -> None:
    await created(mesh)
    for shard in range(SHARDS):
        await dealt(mesh, shard, mesh.person(0, shard), 30)
    await mesh.pass_time(LASTS_MS / 1000 + 2)
    seed = (await shown(mesh)).decision.seed
    for shard in range(SHARDS):
        records = await mesh.records(shard)
        limits = [
            limit.issue_limit
            for record in records
            if record.HasField("game_prepared")
            for limit in record.game_prepared.supply.card_limits
        ]
        cards = [card for record in records for deal in record.cards_dealt.deals for card in deal.cards]
        assert len(cards) == 30
        recomputed = replay(draw_key(seed, CampaignId(SPRING), shard), limits, len(cards))
        assert cards == [card.value for card in recomputed]


async def test_a_set_counts_in_the_last_millisecond_and_not_in_the_next(mesh: CardsMesh) -> None:
    await created(mesh)
    early, late = mesh.person(0, 0), mesh.person(1, 0)
    for person in (early, late):
        assert len(set(await dealt(mesh, 0, person, 40))) == 5
    game = await shown(mesh)
    left_ms = game.deadline.ToMilliseconds() - mesh.clock.now_ms()
    await mesh.clock.advance((left_ms - 1) / 1000)
    done = await mesh.player(0).CompleteSet(cards_pb2.CompleteSetRequest(campaign_id=SPRING, person_id=early))
    assert done.completion.completed_at.ToMilliseconds() == game.deadline.ToMilliseconds() - 1
    await mesh.clock.advance(0.001)
    too_late = mesh.player(0).CompleteSet(cards_pb2.CompleteSetRequest(campaign_id=SPRING, person_id=late))
    assert await reason_of(mesh, too_late) == "DEADLINE_PASSED"
    await mesh.pass_time(1)
    assert list((await shown(mesh)).decision.sets_by_shard) == [1, 0, 0, 0]


async def test_a_gift_that_was_under_way_at_the_deadline_still_arrives(mesh: CardsMesh) -> None:
    await created(mesh)
    giver, receiver = mesh.person(0, 0), mesh.person(0, 1)
    mesh.social.pairs.append((min(giver, receiver), max(giver, receiver)))
    card = (await dealt(mesh, 0, giver, 1))[0]
    sender, other = mesh.processes
    await mesh.crash(other)
    await mesh.driven(mesh.player(0).GiftCard(a_gift(giver, receiver, card)))
    await mesh.pass_time(LASTS_MS / 1000 + 1)
    await mesh.take_over(sender)
    while (await hand(mesh, 1, receiver)).total() == 0:
        await mesh.pass_time(0.25)
    await mesh.pass_time(2)
    assert (await shown(mesh)).phase == cards_pb2.GAME_PHASE_CLOSED
    await everything_is_somewhere(mesh)


async def test_a_game_whose_creation_was_cut_off_is_finished_by_the_next_owner(mesh: CardsMesh) -> None:
    owner = mesh.map.owner(home())
    assert owner is not None
    far = next(process for process in mesh.processes if process.instance != owner.instance)
    near = next(process for process in mesh.processes if process.instance == owner.instance)
    mesh.blocked.add((far.address, "PrepareGame"))
    assert await reason_of(mesh, mesh.player(home()).CreateGame(an_order(mesh))) in {
        "UNREACHABLE",
        "DEADLINE_PASSED",
    }
    await mesh.crash(near)
    mesh.blocked.clear()
    await mesh.take_over(far)
    await mesh.pass_time(2)
    game = await shown(mesh)
    assert game.phase == cards_pb2.GAME_PHASE_OPEN
    assert [sum(await dealt(mesh, shard, mesh.person(0, shard), 1)) > 0 for shard in range(SHARDS)] == [
        True
    ] * 4


async def test_a_closing_that_was_cut_off_comes_to_the_same_decision(mesh: CardsMesh) -> None:
    await created(mesh, pool_fen=100)
    person = mesh.person(0, 2)
    await dealt(mesh, 2, person, 40)
    await mesh.driven(
        mesh.player(2).CompleteSet(cards_pb2.CompleteSetRequest(campaign_id=SPRING, person_id=person))
    )
    owner = mesh.map.owner(home())
    assert owner is not None
    near = next(process for process in mesh.processes if process.instance == owner.instance)
    far = next(process for process in mesh.processes if process.instance != owner.instance)
    mesh.blocked.add((near.address, "FinishGame"))
    await mesh.pass_time(LASTS_MS / 1000 + 3)
    assert (await shown(mesh)).phase == cards_pb2.GAME_PHASE_SEALING
    await mesh.crash(near)
    await mesh.take_over(far)
    await mesh.pass_time(3)
    decisions = [
        record.pool_decided
        for shard in range(SHARDS)
        for record in await mesh.records(shard)
        if record.HasField("pool_decided")
    ]
    assert len(decisions) == SHARDS
    assert all(decision == decisions[0] for decision in decisions)
    assert decisions[0].share_fen == 100


async def test_a_game_that_nobody_can_pay_does_not_exist(mesh: CardsMesh) -> None:
    mesh.settlement.available_fen = 999
    assert await reason_of(mesh, mesh.player(home()).CreateGame(an_order(mesh))) == "FUNDS_INSUFFICIENT"
    assert (
        await reason_of(mesh, mesh.player(home()).GetGame(cards_pb2.GetGameRequest(campaign_id=SPRING)))
        == "GAME_UNKNOWN"
    )
    mesh.settlement.available_fen = 1_000
    await created(mesh)


async def test_a_game_that_was_refused_leaves_room_for_another(mesh: CardsMesh) -> None:
    mesh.settlement.available_fen = 999
    assert await reason_of(mesh, mesh.player(home()).CreateGame(an_order(mesh))) == "FUNDS_INSUFFICIENT"
    await mesh.pass_time(1)
    assert (await created(mesh, pool_fen=999)).pool_fen == 999


async def test_a_pool_whose_hold_nobody_heard_of_gets_its_game(mesh: CardsMesh) -> None:
    mesh.settlement.answers_get_lost = True
    lost = await reason_of(mesh, mesh.player(home()).CreateGame(an_order(mesh)))
    assert lost in {"UNREACHABLE", "DEADLINE_PASSED"}
    assert len(mesh.settlement.holds) == 1
    other = mesh.player(home()).CreateGame(an_order(mesh, pool_fen=5))
    assert await reason_of(mesh, other) == "GAME_CONFLICT"
    mesh.settlement.answers_get_lost = False
    await mesh.pass_time(3)
    assert (await shown(mesh)).phase == cards_pb2.GAME_PHASE_OPEN


async def test_a_pool_that_was_held_comes_back_though_its_deadline_passed_without_an_owner(
    mesh: CardsMesh,
) -> None:
    mesh.settlement.answers_get_lost = True
    await reason_of(mesh, mesh.player(home()).CreateGame(an_order(mesh)))
    owner = mesh.map.owner(home())
    assert owner is not None
    near = next(process for process in mesh.processes if process.instance == owner.instance)
    far = next(process for process in mesh.processes if process.instance != owner.instance)
    await mesh.crash(near)
    await mesh.pass_time(LASTS_MS / 1000 + 1)
    mesh.settlement.answers_get_lost = False
    await mesh.take_over(far)
    await mesh.pass_time(3)
    game = await shown(mesh)
    assert game.phase == cards_pb2.GAME_PHASE_CLOSED
    assert (game.decision.share_fen, game.decision.remainder_fen) == (0, 1_000)


async def test_creating_a_game_twice_at_the_same_time_makes_one(mesh: CardsMesh) -> None:
    request = an_order(mesh)
    both = [mesh.player(home()).CreateGame(request) for _ in range(2)]
    first, second = [await mesh.driven(one) for one in both]
    assert first.game.seed_commitment == second.game.seed_commitment
    records = await mesh.records(home())
    assert sum(record.HasField("game_created") for record in records) == 1


async def test_a_feed_never_tells_a_secret(mesh: CardsMesh) -> None:
    await created(mesh)
    seen: set[str] = set()
    for shard in range(SHARDS):
        async for response in mesh.feed(shard):
            for record in response.records:
                seen.add(record.event.WhichOneof("event") or "")
                assert not record.event.game_created.seed
                assert not record.event.game_prepared.draw_key
            break
    assert seen >= {"game_created", "game_prepared"}


async def test_shards_that_have_nothing_to_say_fall_silent(mesh: CardsMesh) -> None:
    await created(mesh)
    for shard in range(SHARDS):
        await dealt(mesh, shard, mesh.person(0, shard), 10)
    await mesh.pass_time(2)
    before = [len(await mesh.records(shard)) for shard in range(SHARDS)]
    await mesh.pass_time(20)
    assert [len(await mesh.records(shard)) for shard in range(SHARDS)] == before
