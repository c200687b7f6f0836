"""The load of `bench social`: lists, friends in common, checks; every answer is compared with what is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hongbao.social.v1 import social_pb2, social_pb2_grpc, suggestion_pb2, suggestion_pb2_grpc
from services.cli.bench.service_process import ServiceProcess, channels_of
from services.cli.bench.social_graph import Graph, Questions

QuestionT = TypeVar("QuestionT")

PAGE_SIZE = 100
_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Asked:
    """What came of questions of one kind."""

    latencies_s: list[float] = field(default_factory=list)
    took_s: float = 0.0
    wrong: int = 0
    """Answers other than what is due."""
    processor_s: float = 0.0
    """That who answered took for all of them."""


@dataclass(frozen=True, slots=True)
class SocialAnswers:
    """What the service did."""

    lists: Asked
    mutual: Asked
    checks: Asked


async def ask_social(
    process: ServiceProcess, graph: Graph, questions: Questions, under_way: int
) -> SocialAnswers:
    """Asks everything of a service, one kind after the other, so many calls under way at once."""
    address = process.address
    gateway, cards = channels_of("gateway"), channels_of("cards")
    try:
        people = social_pb2_grpc.SocialServiceStub(gateway.channel(address))
        around = suggestion_pb2_grpc.SuggestionServiceStub(gateway.channel(address))
        checking = social_pb2_grpc.SocialServiceStub(cards.channel(address))

        async def list_friends(person: int) -> bool:
            request = social_pb2.ListFriendsRequest(person_id=person, page_size=PAGE_SIZE)
            answer = await people.ListFriends(request, timeout=_TIMEOUT_S)
            found: list[int] = [friend.person_id for friend in answer.friends]
            due: list[int] = graph.friends_of(person)[:PAGE_SIZE].tolist()
            return found == due

        async def mutual(two: tuple[int, int]) -> bool:
            request = suggestion_pb2.ListMutualFriendsRequest(
                person_id=two[0], other_person_id=two[1], page_size=PAGE_SIZE
            )
            answer = await around.ListMutualFriends(request, timeout=_TIMEOUT_S)
            due = graph.mutual(*two)
            return answer.mutual_count == len(due) and list(answer.person_ids) == due[:PAGE_SIZE].tolist()

        batches = [
            (social_pb2.CheckRelationsRequest(person_ids=ones, other_person_ids=others), due.tolist())
            for ones, others, due in questions.batches
        ]

        async def check(batch: tuple[social_pb2.CheckRelationsRequest, list[bool]]) -> bool:
            answer = await checking.CheckRelations(batch[0], timeout=_TIMEOUT_S)
            return list(answer.are_friends) == batch[1]

        # Whoever is asked first pays for opening files: not part of the measure.
        await ask_all(questions.people[:50], list_friends, under_way)
        lists = await _with_cost(process, ask_all(questions.people, list_friends, under_way))
        twos = await _with_cost(process, ask_all(questions.twos, mutual, under_way))
        return SocialAnswers(lists, twos, await _with_cost(process, ask_all(batches, check, under_way)))
    finally:
        await gateway.close()
        await cards.close()


async def ask_all(
    questions: Sequence[QuestionT], ask: Callable[[QuestionT], Awaitable[bool]], under_way: int
) -> Asked:
    """Asks every question once, `under_way` at a time."""
    asked, ahead = Asked(), iter(questions)

    async def caller() -> None:
        for question in ahead:
            begun_s = time.perf_counter()
            is_right = await ask(question)
            asked.latencies_s.append(time.perf_counter() - begun_s)
            asked.wrong += not is_right

    begun_s = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(under_way)))
    asked.took_s = time.perf_counter() - begun_s
    return asked


async def _with_cost(process: ServiceProcess, asking: Awaitable[Asked]) -> Asked:
    before_s = process.cpu_s
    asked = await asking
    asked.processor_s = process.cpu_s - before_s
    return asked
