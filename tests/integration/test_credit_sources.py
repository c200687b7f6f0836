"""What identity asks of settlement and social for a score, and that it does without when they are silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hongbao.settlement.v1 import settlement_pb2
from hongbao.social.v1 import social_pb2
from services.identity.adapters.credit.sources import MeshSources
from services.identity.domain.credit.signals import RelationFacts, WalletFacts
from services.identity.domain.people import PersonId
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.reach import Reach
from services.mesh.shards.directory import Directory
from services.mesh.shards.map import StaticShardMap
from services.mesh.shards.router import ShardRouter
from tests.contract.bench import Bench
from tests.contract.stub import StubServer
from tests.integration.credit_office import NUMBERS, Office, office

WALLET = "hongbao.settlement.v1.SettlementService/GetWallet"
FIGURES = "hongbao.social.v1.SocialService/GetPersonFigures"
PAUSE_MS = 1_000


class Refused(ServiceError):
    kind = ErrorKind.PRECONDITION


@dataclass(slots=True)
class Surroundings:
    at: Office
    settlement: StubServer
    social: StubServer
    sources: MeshSources


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[Surroundings]:
    async with Bench(tmp_path) as bench, office(f"sqlite:{tmp_path}", bench.clock) as at:
        settlement, social = await bench.stub("settlement"), await bench.stub("social")
        reach = Reach(
            bench.channels("identity"),
            Directory(fixed={"social": [social.address]}, clock=bench.clock),
            {
                "settlement": ShardRouter(
                    StaticShardMap.with_one_owner("settlement", 2, settlement.address), clock=bench.clock
                )
            },
        )
        sources = MeshSources(
            reach, at.scores, bench.clock, timeout_ms=500, pause_ms=PAUSE_MS, questions_max=4
        )
        yield Surroundings(at, settlement, social, sources)


async def test_the_wallet_and_the_friends_are_asked_for(around: Surroundings) -> None:
    people = [await around.at.somebody(number) for number in NUMBERS]

    async def wallet(request: Any, _context: Any) -> Any:
        assert request.person_id == people[0]
        return settlement_pb2.GetWalletResponse(balance_fen=700, frozen=True)

    async def figures(request: Any, _context: Any) -> Any:
        assert request.person_id == people[0]
        return social_pb2.GetPersonFiguresResponse(friend_count=12, some_friend_person_ids=[1, people[1], 3])

    around.settlement.play(WALLET, wallet)
    around.social.play(FIGURES, figures)
    assert await around.sources.look(people[0], 5) == (
        WalletFacts(5, 700, is_frozen=True),
        RelationFacts(5, friends=12, verified_permille=333),
    )


async def test_who_is_silent_is_done_without_and_not_asked_for_a_while(around: Surroundings) -> None:
    asked = []

    async def refuse(request: Any, _context: Any) -> Any:
        asked.append(request.person_id)
        raise Refused("not now")

    async def figures(_request: Any, _context: Any) -> Any:
        return social_pb2.GetPersonFiguresResponse()

    around.settlement.play(WALLET, refuse)
    around.social.play(FIGURES, figures)
    alone = RelationFacts(5, friends=0, verified_permille=0)
    for _ in range(3):
        assert await around.sources.look(PersonId(1), 5) == (None, alone)
    assert asked == [1]
    await around.at.clock.advance(PAUSE_MS / 1000)
    assert await around.sources.look(PersonId(1), 5) == (None, alone)
    assert asked == [1, 1]


async def test_a_service_that_stands_alone_asks_nobody(around: Surroundings) -> None:
    alone = MeshSources(None, around.at.scores, around.at.clock, timeout_ms=1, pause_ms=0, questions_max=1)
    assert await alone.look(PersonId(1), 5) == (None, None)
