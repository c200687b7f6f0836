"""Two accounts of one person in the card game, with the real identity service: one hand, and one set."""

from __future__ import annotations

import base64
import itertools
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hongbao.cards.v1 import cards_pb2, events_pb2
from hongbao.identity.v1 import identity_pb2
from hongbao.identity.v1.identity_pb2_grpc import IdentityServiceStub
from services.identity.__main__ import wire
from services.identity.adapters.tables import schema
from services.identity.domain.simulated_people import registered_name
from services.identity.settings import IdentitySettings
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ServiceError
from services.mesh.room import services_of
from services.mesh.settings import MeshSettings
from services.mesh.shards.hashing import shard_of, shard_of_text
from tests.integration.cards_mesh import CardsMesh
from tests.simulation.tables import close_tables, open_tables

SPRING = "spring-2016"
LASTS_MS = 60_000
SHARDS = 4
RESIDENT_ID = "11010519491231002X"
DEALS = 60
"""Enough for every kind of card to be among them."""
LOOKS_MAX = 200


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and what proves it."""

    account_id: int
    secret: str


class People:
    """The real identity service, as accounts meet it."""

    def __init__(self, mesh: CardsMesh, channels: ChannelFactory) -> None:
        self._mesh = mesh
        self._identity = IdentityServiceStub(channels.channel(mesh.identity))

    async def account(self) -> Account:
        request = identity_pb2.RegisterRequest(
            request_id=str(uuid.uuid4()), phone="13800138000", display_name="小明"
        )
        registered = await self._mesh.driven(self._identity.Register(request))
        return Account(registered.account_id, registered.login_secret)

    async def plays_as(self, account: Account) -> int:
        """The person whom the account's tokens speak for."""
        request = identity_pb2.IssueTokenRequest(account_id=account.account_id, login_secret=account.secret)
        issued = await self._mesh.driven(self._identity.IssueToken(request))
        claims = issued.access_token.split(".")[1]
        return int(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["pid"])

    async def verify(self, account: Account) -> int:
        request = identity_pb2.VerifyPersonRequest(
            account_id=account.account_id,
            login_secret=account.secret,
            name=registered_name(RESIDENT_ID),
            resident_id=RESIDENT_ID,
        )
        return (await self._mesh.driven(self._identity.VerifyPerson(request))).person_id

    async def guest_of(self, is_theirs: Callable[[int], bool]) -> tuple[Account, int]:
        """An account that nobody is verified behind, with a person of whom that is true."""
        for _ in range(20 * SHARDS):
            account = await self.account()
            guest = await self.plays_as(account)
            if is_theirs(guest):
                return account, guest
        raise AssertionError("there is no such guest")


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[CardsMesh]:
    mesh = CardsMesh(SHARDS)
    settings = IdentitySettings(
        database_url=f"sqlite:{tmp_path}", identity_key="5eed" * 16, identity_registry_latency_ms=20
    )
    tables = open_tables(settings, schema)
    with capture_logs():
        await mesh.serve_identity(*services_of(wire(settings, tables, mesh.clock)))
        async with mesh:
            yield mesh
    close_tables(tables)


@pytest.fixture
async def people(mesh: CardsMesh) -> AsyncIterator[People]:
    channels = ChannelFactory(MeshSettings(), "gateway", network=mesh.network)
    yield People(mesh, channels)
    await channels.close()


async def create(mesh: CardsMesh) -> None:
    request = cards_pb2.CreateGameRequest(campaign_id=SPRING, sponsor_id=7, pool_fen=1_000)
    for card in range(1, 6):
        request.supply.card_limits.add(card=events_pb2.Card.ValueType(card), issue_limit=400)
    request.supply.source_quotas.add(source=events_pb2.CARD_SOURCE_TAP, card_quota=2_000)
    request.opens_at.FromMilliseconds(mesh.clock.now_ms())
    request.deadline.FromMilliseconds(mesh.clock.now_ms() + LASTS_MS)
    await mesh.driven(mesh.player(home()).CreateGame(request))


def home() -> int:
    return shard_of_text(SPRING, SHARDS)


def place(person: int) -> int:
    return shard_of(person, SHARDS)


async def deal(mesh: CardsMesh, person: int, name: str = "round") -> None:
    """So many cards that the person has one of each."""
    request = cards_pb2.DealBatchRequest(
        campaign_id=SPRING,
        shard=place(person),
        source=events_pb2.CARD_SOURCE_TAP,
        person_ids=[person] * DEALS,
        source_keys=[f"{name}-{number}" for number in range(DEALS)],
    )
    response = await mesh.driven(mesh.player(place(person)).DealBatch(request))
    assert set(response.outcomes) == {cards_pb2.DEAL_OUTCOME_DEALT}


async def complete(mesh: CardsMesh, person: int) -> cards_pb2.Completion:
    request = cards_pb2.CompleteSetRequest(campaign_id=SPRING, person_id=person)
    return (await mesh.driven(mesh.player(place(person)).CompleteSet(request))).completion


async def listed(mesh: CardsMesh, person: int) -> cards_pb2.ListHandResponse:
    request = cards_pb2.ListHandRequest(campaign_id=SPRING, person_id=person)
    return await mesh.driven(mesh.player(place(person)).ListHand(request))


async def held(mesh: CardsMesh, person: int) -> int:
    return sum(card.held_count for card in (await listed(mesh, person)).cards)


async def until(mesh: CardsMesh, condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(LOOKS_MAX):
        if await condition():
            return
        await mesh.pass_time(0.25)
    raise AssertionError("it never came to be")


async def everything_is_somewhere(mesh: CardsMesh) -> None:
    """The invariant over all shards, when nothing is on its way."""
    parts = [await mesh.figures(SPRING, shard) for shard in range(SHARDS)]
    total = Counter[str]()
    for cards in itertools.chain.from_iterable(part.cards for part in parts):
        total.update({"issued": cards.issued, "held": cards.held, "spent": cards.spent})
        total.update({"sent": cards.sent, "received": cards.received})
    assert total["issued"] == total["held"] + total["spent"]
    assert total["sent"] == total["received"]


async def shown(mesh: CardsMesh) -> cards_pb2.Game:
    request = cards_pb2.GetGameRequest(campaign_id=SPRING)
    return (await mesh.driven(mesh.player(home()).GetGame(request))).game


async def closed(mesh: CardsMesh) -> cards_pb2.Game:
    """The game after its end."""

    async def is_closed() -> bool:
        return (await shown(mesh)).phase == cards_pb2.GAME_PHASE_CLOSED

    await mesh.pass_time(LASTS_MS / 1000)
    await until(mesh, is_closed)
    return await shown(mesh)


@pytest.mark.parametrize("same_shard", [True, False])
@pytest.mark.parametrize("dies", [True, False], ids=["an owner dies", "nobody dies"])
async def test_two_accounts_of_one_person_cannot_complete_twice(
    mesh: CardsMesh, people: People, *, same_shard: bool, dies: bool
) -> None:
    xiaoming = await people.verify(await people.account())
    account, guest = await people.guest_of(lambda one: (place(one) == place(xiaoming)) == same_shard)
    await create(mesh)
    for person in (xiaoming, guest):
        await deal(mesh, person)
        await complete(mesh, person)
    assert (await held(mesh, xiaoming), await held(mesh, guest)) == (DEALS - 5, DEALS - 5)

    assert await people.verify(account) == xiaoming
    if dies:
        await mesh.crash(mesh.processes[1])
        await mesh.take_over(mesh.processes[0])

    async def is_one_hand() -> bool:
        return await held(mesh, xiaoming) == 2 * DEALS - 5

    await until(mesh, is_one_hand)
    assert await held(mesh, guest) == 0
    assert (await complete(mesh, xiaoming)).person_id == xiaoming
    with pytest.raises(ServiceError) as refused:
        await complete(mesh, guest)
    assert refused.value.reason == "PERSON_MERGED"
    await everything_is_somewhere(mesh)
    game = await closed(mesh)
    assert (game.sets_completed, game.decision.share_fen) == (1, 1_000)


async def test_the_set_of_a_guest_is_the_set_of_the_person_they_are(mesh: CardsMesh, people: People) -> None:
    xiaoming = await people.verify(await people.account())
    account, guest = await people.guest_of(lambda one: place(one) != place(xiaoming))
    await create(mesh)
    for person in (xiaoming, guest):
        await deal(mesh, person)
    completed = await complete(mesh, guest)
    await people.verify(account)

    async def is_known() -> bool:
        return (await listed(mesh, xiaoming)).HasField("completion")

    await until(mesh, is_known)
    assert (await complete(mesh, xiaoming)).completed_at == completed.completed_at
    assert await held(mesh, xiaoming) == 2 * DEALS - 5

    # A token of the guest may live on: what it earns is the person's.
    await deal(mesh, guest, "later")

    async def is_passed_on() -> bool:
        return await held(mesh, xiaoming) == 3 * DEALS - 5

    await until(mesh, is_passed_on)
    await everything_is_somewhere(mesh)
    game = await closed(mesh)
    assert list(game.decision.sets_by_shard).count(1) == 1
    assert game.decision.sets_by_shard[place(guest)] == 1
