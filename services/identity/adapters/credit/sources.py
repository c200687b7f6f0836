"""What settlement and social know of a person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import structlog

from hongbao.settlement.v1 import settlement_pb2
from hongbao.settlement.v1.settlement_pb2_grpc import SettlementServiceStub
from hongbao.social.v1 import social_pb2
from hongbao.social.v1.social_pb2_grpc import SocialServiceStub
from services.identity.domain.credit.ports import ScoreStore
from services.identity.domain.credit.signals import RelationFacts, WalletFacts
from services.identity.domain.people import PersonId
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.reach import Reach
from services.mesh.shards.hashing import shard_of

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class MeshSources:
    """`Sources` over the mesh. So many questions at once, and none for a while to who did not answer."""

    def __init__(
        self,
        reach: Reach | None,
        store: ScoreStore,
        clock: Clock,
        *,
        timeout_ms: int,
        pause_ms: int,
        questions_max: int,
    ) -> None:
        self._reach = reach
        self._store = store
        self._wallets = _Source("settlement", clock, timeout_ms / 1000, pause_ms / 1000, questions_max)
        self._relations = _Source("social", clock, timeout_ms / 1000, pause_ms / 1000, questions_max)

    async def look(self, person_id: PersonId, now_ms: int) -> tuple[WalletFacts | None, RelationFacts | None]:
        """See `Sources.look`."""
        reach = self._reach
        if reach is None:
            return None, None
        wallet, relations = await asyncio.gather(
            self._wallets.asked(lambda timeout_s: _wallet(reach, person_id, now_ms, timeout_s)),
            self._relations.asked(lambda timeout_s: self._friends(reach, person_id, now_ms, timeout_s)),
        )
        return wallet, relations

    async def _friends(
        self, reach: Reach, person_id: PersonId, now_ms: int, timeout_s: float
    ) -> RelationFacts:
        request = social_pb2.GetPersonFiguresRequest(person_id=person_id)

        async def attempt(address: str, left_s: float) -> social_pb2.GetPersonFiguresResponse:
            stub = SocialServiceStub(reach.channels.channel(address))
            return await stub.GetPersonFigures(request, timeout=left_s)

        figures = await reach.directory.call("social", attempt, timeout_s)
        some = [PersonId(friend) for friend in figures.some_friend_person_ids]
        verified = await self._store.verified_among(some)
        return RelationFacts(now_ms, figures.friend_count, 1000 * len(verified) // len(some) if some else 0)


async def _wallet(reach: Reach, person_id: PersonId, now_ms: int, timeout_s: float) -> WalletFacts:
    request = settlement_pb2.GetWalletRequest(person_id=person_id)
    router = reach.routers["settlement"]

    async def attempt(address: str, left_s: float) -> settlement_pb2.GetWalletResponse:
        channel: grpc.aio.Channel = reach.channels.channel(address)
        return await SettlementServiceStub(channel).GetWallet(request, timeout=left_s)

    wallet = await router.call(shard_of(person_id, router.map.shard_count), attempt, timeout_s)
    return WalletFacts(now_ms, max(0, wallet.balance_fen), wallet.frozen)


class _Source:
    """Who is asked; None stands for no answer."""

    def __init__(self, name: str, clock: Clock, timeout_s: float, pause_s: float, questions_max: int) -> None:
        self._name = name
        self._clock = clock
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._places = asyncio.Semaphore(questions_max)
        self._silent_until_s = clock.monotonic_s()

    async def asked(self, question: Callable[[float], Awaitable[T]]) -> T | None:
        async with self._places:
            if self._clock.monotonic_s() < self._silent_until_s:
                return None
            try:
                return await question(self._timeout_s)
            except ServiceError as error:
                # Whatever it is, the score does without; whoever waits next does not wait for it, too.
                _log.warning("credit_source_silent", source=self._name, reason=error.reason)
                self._silent_until_s = self._clock.monotonic_s() + self._pause_s
                return None
