"""Gifts and asks between processes: over shards, to the millisecond, with owners that die on the way."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from structlog.testing import capture_logs

from hongbao.cards.v1 import cards_pb2, events_pb2, exchanges_pb2, exchanges_pb2_grpc
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
            await created(mesh)
            yield mesh


async def created(mesh: CardsMesh) -> None:
    request = cards_pb2.CreateGameRequest(campaign_id=SPRING, sponsor_id=7, pool_fen=1_000)
    for card in range(1, 6):
        request.supply.card_limits.add(card=events_pb2.Card.ValueType(card), issue_limit=400)
    request.supply.source_quotas.add(source=events_pb2.CARD_SOURCE_TAP, card_quota=2_000)
    request.opens_at.FromMilliseconds(mesh.clock.now_ms())
    request.deadline.FromMilliseconds(mesh.clock.now_ms() + LASTS_MS)
    await mesh.driven(mesh.player(shard_of_text(SPRING, SHARDS)).CreateGame(request))


class Friends:
    """A giver on shard 0 who holds cards, and a receiver on shard 1."""

    def __init__(self, mesh: CardsMesh) -> None:
        self.mesh = mesh
        self.giver, self.receiver = mesh.person(0, 0), mesh.person(0, 1)
        self.cards: list[int] = []
        mesh.social.pairs.append((min(self.giver, self.receiver), max(self.giver, self.receiver)))

    async def deal(self, count: int = 40) -> None:
        request = cards_pb2.DealBatchRequest(
            campaign_id=SPRING,
            shard=0,
            source=events_pb2.CARD_SOURCE_TAP,
            person_ids=[self.giver] * count,
            source_keys=[f"round-{number}" for number in range(count)],
        )
        while not all(self.cards) or not self.cards:
            response = await self.mesh.driven(self.mesh.player(0).DealBatch(request))
            self.cards = list(response.cards)
            await self.mesh.pass_time(0.25)

    def gift(self, card: int) -> cards_pb2.GiftCardRequest:
        return cards_pb2.GiftCardRequest(
            campaign_id=SPRING,
            request_id=str(uuid.uuid4()),
            from_person_id=self.giver,
            to_person_id=self.receiver,
            card=events_pb2.Card.ValueType(card),
        )

    async def offer(self, card: int) -> str:
        response = await self.mesh.driven(self.mesh.player(0).GiftCard(self.gift(card)))
        assert response.exchange.state == events_pb2.EXCHANGE_STATE_OFFERED
        return response.exchange.exchange_id

    def exchanges(self, shard: int) -> exchanges_pb2_grpc.ExchangeServiceAsyncStub:
        return exchanges_pb2_grpc.ExchangeServiceStub(self.mesh.channel(shard))

    def accept(self, exchange_id: str) -> Awaitable[Any]:
        request = exchanges_pb2.AcceptGiftRequest(
            campaign_id=SPRING, person_id=self.receiver, exchange_id=exchange_id
        )
        return self.exchanges(1).AcceptGift(request)

    def take_back(self, exchange_id: str) -> Awaitable[Any]:
        request = exchanges_pb2.TakeBackGiftRequest(
            campaign_id=SPRING, person_id=self.giver, exchange_id=exchange_id
        )
        return self.exchanges(0).TakeBackGift(request)

    async def seen(self, shard: int, person: int) -> list[tuple[str, int]]:
        """The exchanges that a person is shown, the newest first, and how they stand."""
        request = exchanges_pb2.ListExchangesRequest(campaign_id=SPRING, person_id=person)
        response = await self.mesh.driven(self.exchanges(shard).ListExchanges(request))
        return [(exchange.exchange_id, exchange.state) for exchange in response.exchanges]

    async def hand(self, shard: int, person: int) -> Counter[int]:
        request = cards_pb2.ListHandRequest(campaign_id=SPRING, person_id=person)
        response = await self.mesh.driven(self.mesh.player(shard).ListHand(request))
        return Counter({held.card: held.held_count for held in response.cards})

    async def received(self, count: int) -> Counter[int]:
        while (hand := await self.hand(1, self.receiver)).total() < count:
            await self.mesh.pass_time(0.25)
        return hand


@pytest.fixture
async def friends(mesh: CardsMesh) -> Friends:
    friends = Friends(mesh)
    await friends.deal()
    return friends


async def reason_of(mesh: CardsMesh, work: Awaitable[object]) -> str:
    with pytest.raises(ServiceError) as refused:
        await mesh.driven(work)
    return refused.value.reason


async def everything_is_somewhere(mesh: CardsMesh) -> None:
    """The invariant over all shards, when nothing is on its way."""
    parts = [await mesh.figures(SPRING, shard) for shard in range(SHARDS)]
    for index in range(5):
        cards = [part.cards[index] for part in parts]
        places = sum(card.held + card.spent + card.offered for card in cards)
        assert sum(card.issued for card in cards) == places
        assert sum(card.sent for card in cards) == sum(card.received for card in cards)


async def test_accepted_gifts_cross_shards_and_can_complete_a_set_there(friends: Friends) -> None:
    mesh, owned = friends.mesh, Counter(friends.cards)
    for card in range(1, 6):
        await mesh.driven(friends.accept(await friends.offer(card)))
    assert await friends.received(5) == Counter(range(1, 6))
    assert await friends.hand(0, friends.giver) == owned - Counter(range(1, 6))
    request = cards_pb2.CompleteSetRequest(campaign_id=SPRING, person_id=friends.receiver)
    first = await mesh.driven(mesh.player(1).CompleteSet(request))
    assert await mesh.driven(mesh.player(1).CompleteSet(request)) == first
    await everything_is_somewhere(mesh)


async def test_an_offered_card_is_in_no_hand_and_comes_home_when_it_is_taken_back(friends: Friends) -> None:
    mesh, owned = friends.mesh, Counter(friends.cards)
    gift = await friends.offer(friends.cards[0])
    assert (await friends.hand(0, friends.giver)).total() == owned.total() - 1
    await everything_is_somewhere(mesh)
    await mesh.driven(friends.take_back(gift))
    assert await friends.hand(0, friends.giver) == owned
    assert await reason_of(mesh, friends.accept(gift)) == "EXCHANGE_ENDED"


async def test_both_sides_see_their_gifts_and_how_they_stand(friends: Friends) -> None:
    mesh, gift = friends.mesh, await friends.offer(friends.cards[0])
    offered = [(gift, events_pb2.EXCHANGE_STATE_OFFERED)]
    assert await friends.seen(0, friends.giver) == offered
    while await friends.seen(1, friends.receiver) != offered:
        await mesh.pass_time(0.25)
    await mesh.driven(friends.take_back(gift))
    taken_back = [(gift, events_pb2.EXCHANGE_STATE_TAKEN_BACK)]
    while await friends.seen(1, friends.receiver) != taken_back:
        await mesh.pass_time(0.25)


async def test_a_gift_is_either_taken_back_or_accepted_when_both_happen_at_once(friends: Friends) -> None:
    mesh = friends.mesh
    for card in friends.cards[:6]:
        gift = await friends.offer(card)
        both = asyncio.gather(friends.accept(gift), friends.take_back(gift), return_exceptions=True)
        accepted, taken_back = await mesh.driven(both)
        ended = [answer for answer in (accepted, taken_back) if not isinstance(answer, ServiceError)]
        refused = [answer for answer in (accepted, taken_back) if isinstance(answer, ServiceError)]
        assert [len(ended), len(refused)] == [1, 1]
        assert refused[0].reason == "EXCHANGE_ENDED"
    await mesh.pass_time(2)
    await everything_is_somewhere(mesh)


async def test_a_gift_between_people_who_parted_meanwhile_goes_home(friends: Friends) -> None:
    mesh, owned = friends.mesh, Counter(friends.cards)
    gift = await friends.offer(friends.cards[0])
    mesh.social.part(friends.giver, friends.receiver)
    assert await reason_of(mesh, friends.accept(gift)) == "NOT_FRIENDS"
    assert await friends.hand(0, friends.giver) == owned
    assert await reason_of(mesh, friends.accept(gift)) == "NOT_FRIENDS"
    assert await friends.seen(0, friends.giver) == [(gift, events_pb2.EXCHANGE_STATE_BROKEN)]


async def test_an_ask_is_answered_over_shards(friends: Friends) -> None:
    mesh, card = friends.mesh, friends.cards[0]
    request = exchanges_pb2.MakeAskRequest(
        campaign_id=SPRING,
        request_id=str(uuid.uuid4()),
        asking_person_id=friends.receiver,
        asked_person_id=friends.giver,
        card=events_pb2.Card.ValueType(card),
    )
    first = await mesh.driven(friends.exchanges(1).MakeAsk(request))
    assert await mesh.driven(friends.exchanges(1).MakeAsk(request)) == first
    answer = exchanges_pb2.AnswerAskRequest(
        campaign_id=SPRING, person_id=friends.giver, exchange_id=first.exchange.exchange_id
    )
    answered = await mesh.driven(friends.exchanges(0).AnswerAsk(answer))
    assert answered.exchange.state == events_pb2.EXCHANGE_STATE_ANSWERED
    assert await friends.received(1) == Counter({card: 1})
    await everything_is_somewhere(mesh)


async def test_a_card_arrives_once_though_both_owners_die_on_the_way(friends: Friends) -> None:
    mesh, card = friends.mesh, friends.cards[0]
    gift = await friends.offer(card)
    first, second = mesh.processes
    await mesh.crash(second)
    await mesh.take_over(await mesh.start("cards-2"))
    accepted = await mesh.driven(friends.accept(gift))
    await mesh.crash(first)
    await mesh.take_over(await mesh.start("cards-3"))
    assert await mesh.driven(friends.accept(gift)) == accepted
    assert await friends.received(1) == Counter({card: 1})
    heir = await mesh.start("cards-4")
    await mesh.crash(mesh.processes[2])
    await mesh.take_over(heir)
    await mesh.pass_time(2)
    assert await friends.hand(1, friends.receiver) == Counter({card: 1})
    await everything_is_somewhere(mesh)


async def test_what_nobody_answers_is_home_at_the_deadline_and_what_was_accepted_arrives(
    friends: Friends,
) -> None:
    mesh, (kept, given) = friends.mesh, friends.cards[:2]
    waiting, accepted = await friends.offer(kept), await friends.offer(given)
    # The receiver's shard hears nothing of the giver's until after the deadline.
    owner = mesh.map.owner(0)
    assert owner is not None
    mesh.blocked.add((owner.address, "ReadEvents"))
    await mesh.driven(friends.accept(accepted))
    await mesh.pass_time(LASTS_MS / 1000 + 2)
    mesh.blocked.clear()
    assert await reason_of(mesh, friends.accept(waiting)) == "EXCHANGE_ENDED"
    assert await friends.received(1) == Counter({given: 1})
    left = Counter(friends.cards) - Counter([given])
    assert await friends.hand(0, friends.giver) == left
    await mesh.pass_time(2)
    parts = [await mesh.figures(SPRING, shard) for shard in range(SHARDS)]
    assert all(part.sealed for part in parts)
    assert not any(card.offered for part in parts for card in part.cards)
    await everything_is_somewhere(mesh)


async def test_a_gift_is_accepted_in_its_last_millisecond_and_not_in_the_next(friends: Friends) -> None:
    mesh = friends.mesh
    first, second = await friends.offer(friends.cards[0]), await friends.offer(friends.cards[1])
    exchange = (await mesh.driven(friends.exchanges(0).GetExchange(of(friends, first)))).exchange
    left_ms = exchange.expires_at.ToMilliseconds() - mesh.clock.now_ms()
    await mesh.clock.advance((left_ms - 1) / 1000)
    accepted = await friends.accept(first)
    assert accepted.exchange.ended_at.ToMilliseconds() == exchange.expires_at.ToMilliseconds() - 1
    await mesh.clock.advance(0.001)
    with pytest.raises(ServiceError) as refused:
        await friends.accept(second)
    assert refused.value.metadata["state"] == "EXPIRED"


async def test_a_batch_goes_the_full_circle_and_back_again_changes_nothing(friends: Friends) -> None:
    mesh, count = friends.mesh, 20
    offers = exchanges_pb2.OfferBatchRequest(
        campaign_id=SPRING,
        shard=0,
        from_person_ids=[friends.giver] * count,
        to_person_ids=[friends.receiver] * count,
        cards=[events_pb2.Card.ValueType(card) for card in friends.cards[:count]],
        request_ids=b"".join(uuid.uuid4().bytes for _ in range(count)),
    )
    offered = await mesh.driven(friends.exchanges(0).OfferBatch(offers))
    assert await mesh.driven(friends.exchanges(0).OfferBatch(offers)) == offered
    assert set(offered.outcomes) == {exchanges_pb2.EXCHANGE_OUTCOME_DONE}
    accepts = exchanges_pb2.AcceptBatchRequest(
        campaign_id=SPRING, shard=1, person_ids=[friends.receiver] * count, exchange_ids=offered.exchange_ids
    )
    for _ in range(2):
        accepted = await mesh.driven(friends.exchanges(1).AcceptBatch(accepts))
        assert set(accepted.outcomes) == {exchanges_pb2.EXCHANGE_OUTCOME_DONE}
    assert await friends.received(count) == Counter(friends.cards[:count])
    await mesh.pass_time(2)
    assert (await friends.hand(1, friends.receiver)).total() == count
    await everything_is_somewhere(mesh)


async def test_a_batch_says_which_gifts_could_not_be_asked_about(friends: Friends) -> None:
    mesh, gift = friends.mesh, await friends.offer(friends.cards[0])
    owner = mesh.map.owner(0)
    assert owner is not None
    mesh.blocked.add((owner.address, "EndExchanges"))
    request = exchanges_pb2.AcceptBatchRequest(
        campaign_id=SPRING, shard=1, person_ids=[friends.receiver], exchange_ids=[gift]
    )
    silent = await mesh.driven(friends.exchanges(1).AcceptBatch(request, timeout=2))
    assert list(silent.outcomes) == [exchanges_pb2.EXCHANGE_OUTCOME_UNAVAILABLE]
    mesh.blocked.clear()
    answered = await mesh.driven(friends.exchanges(1).AcceptBatch(request))
    assert list(answered.outcomes) == [exchanges_pb2.EXCHANGE_OUTCOME_DONE]


def of(friends: Friends, exchange_id: str) -> exchanges_pb2.GetExchangeRequest:
    return exchanges_pb2.GetExchangeRequest(
        campaign_id=SPRING, person_id=friends.giver, exchange_id=exchange_id
    )
