"""The card game between processes: friends, gifts over shards, the deadline, and owners that die."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable

import pytest
from structlog.testing import capture_logs

from hongbao.cards.v1 import cards_pb2, events_pb2
from services.cards.domain.supply.draw import deck_cards, draw_key
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


def a_batch(shard: int, person: int, count: int) -> cards_pb2.DealBatchRequest:
    return cards_pb2.DealBatchRequest(
        campaign_id=SPRING,
        shard=shard,
        source=events_pb2.CARD_SOURCE_TAP,
        person_ids=[person] * count,
        source_keys=[f"round-{number}" for number in range(count)],
    )


async def dealt(mesh: CardsMesh, shard: int, person: int, count: int) -> list[int]:
    """Cards for so many rounds, in order."""
    response = await mesh.driven(mesh.player(shard).DealBatch(a_batch(shard, person, count)))
    return list(response.cards)


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
        decks = [record.deck_received.grant for record in records if record.HasField("deck_received")]
        cards = [card for record in records for deal in record.cards_dealt.deals for card in deal.cards]
        assert len(cards) == 30
        key, recomputed = draw_key(seed, CampaignId(SPRING), shard), []
        for deck in decks:
            recomputed += deck_cards(key, deck.lease_no, deck.cards_by_kind).tolist()
        assert cards == recomputed[:30]


async def test_every_card_is_dealt_and_none_more_while_owners_die(mesh: CardsMesh) -> None:
    """The last cards lie on shards where nobody asks any more: they go back, and where they are lacking."""
    await created(mesh, issue_limit=12)
    for shard in range(SHARDS):
        await dealt(mesh, shard, mesh.person(0, shard), 3)
    first, second = mesh.processes
    await mesh.crash(first)
    for shard in range(0, SHARDS, 2):
        await mesh.assign(shard, second)
    person = mesh.person(1, 1)

    async def all_are_out() -> bool:
        await dealt(mesh, 1, person, 60)
        return sum(card.issued for card in (await shown(mesh)).cards) == 60

    for _ in range(100):
        if await all_are_out():
            break
        await mesh.pass_time(0.2)
    cards = (await shown(mesh)).cards
    assert [card.issued for card in cards] == [12] * 5
    response = await mesh.driven(mesh.player(1).DealBatch(a_batch(1, mesh.person(2, 1), 1)))
    assert list(response.outcomes) == [cards_pb2.DEAL_OUTCOME_SUPPLY_EXHAUSTED]


async def test_while_home_is_away_items_wait_and_nothing_is_refused_for_good(mesh: CardsMesh) -> None:
    """The shard's own decks are dealt; what lies beyond them comes when home is back."""
    await created(mesh)
    other = next(shard for shard in range(SHARDS) if shard % 2 != home() % 2)
    await mesh.crash(mesh.processes[home() % 2])
    response = await mesh.driven(mesh.player(other).DealBatch(a_batch(other, mesh.person(0, other), 300)))
    told = Counter(response.outcomes)
    assert told.keys() <= {cards_pb2.DEAL_OUTCOME_DEALT, cards_pb2.DEAL_OUTCOME_NOT_RELEASED}
    assert told[cards_pb2.DEAL_OUTCOME_NOT_RELEASED] > 0
    assert response.retry_after_ms > 0
    for shard in range(SHARDS):
        if shard % 2 == home() % 2:
            await mesh.assign(shard, mesh.processes[other % 2])
    await mesh.pass_time(2)
    response = await mesh.driven(mesh.player(other).DealBatch(a_batch(other, mesh.person(0, other), 300)))
    assert cards_pb2.DEAL_OUTCOME_NOT_RELEASED not in response.outcomes


async def test_the_books_of_the_supply_are_closed_exactly(mesh: CardsMesh) -> None:
    await created(mesh)
    for shard in range(SHARDS):
        await dealt(mesh, shard, mesh.person(0, shard), 10 + shard)
    await mesh.pass_time(LASTS_MS / 1000 + 2)
    closed = [
        record.supply_closed for record in await mesh.records(home()) if record.HasField("supply_closed")
    ]
    assert len(closed) == 1
    columns = (
        closed[0].issued_by_kind,
        closed[0].returned_by_kind,
        closed[0].granted_in_vain_by_kind,
        closed[0].never_granted_by_kind,
    )
    assert [sum(kind) for kind in zip(*columns, strict=True)] == [400] * 5
    assert sum(closed[0].issued_by_kind) == 46


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
