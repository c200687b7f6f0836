"""Who may write to whom, as relations and groups say, remembered for some seconds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.social.adapters.standings import standings
from services.social.domain.group import GroupId
from services.social.domain.ports import GroupStore, Standing
from services.social.domain.relation import Pair, PersonId

_NOBODY = PersonId(0)

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class RememberedAcquaintances:
    """`Acquaintances` over relations and groups.

    Who stops being a friend, or a member, may send and be sent to for as long as an answer is remembered.
    """

    def __init__(
        self,
        database: Database,
        groups: GroupStore,
        clock: Clock,
        *,
        members_max: int,
        pairs_max: int,
        groups_max: int,
        remember_s: float,
    ) -> None:
        self._database = database
        self._groups = groups
        self._members_max = members_max
        self._pairs: Remembered[Pair, Standing] = Remembered(clock, pairs_max, remember_s)
        self._members: Remembered[GroupId, frozenset[PersonId]] = Remembered(clock, groups_max, remember_s)

    async def standing(self, one: PersonId, other: PersonId) -> Standing:
        """See `Acquaintances.standing`."""
        return await self._pairs.get(Pair.of(one, other), self._ask_standing)

    async def members(self, group_id: GroupId) -> frozenset[PersonId]:
        """See `Acquaintances.members`."""
        return await self._members.get(group_id, self._ask_members)

    def forget_pair(self, pair: Pair) -> None:
        """Has what is between two people looked up again: it has changed."""
        self._pairs.drop(pair)

    def forget_group(self, group_id: GroupId) -> None:
        """Has a group's members looked up again: they have changed."""
        self._members.drop(group_id)

    async def _ask_standing(self, pair: Pair) -> Standing:
        (standing,) = await self._database.read(partial(standings, pairs=[(pair.low, pair.high)]))
        return standing

    async def _ask_members(self, group_id: GroupId) -> frozenset[PersonId]:
        found = await self._groups.members(group_id, _NOBODY, _NOBODY, self._members_max)
        return frozenset() if found is None else frozenset(member.person for member in found.members)


class Remembered(Generic[KeyT, ValueT]):
    """Answers, the latest ones, each for a while. Many who ask at once for the same ask once."""

    def __init__(self, clock: Clock, answers_max: int, remember_s: float) -> None:
        self._clock = clock
        self._answers_max = answers_max
        self._remember_s = remember_s
        self._answers: OrderedDict[KeyT, tuple[asyncio.Future[ValueT], float]] = OrderedDict()

    async def get(self, key: KeyT, ask: Callable[[KeyT], Awaitable[ValueT]]) -> ValueT:
        """The answer, remembered or asked for. Raises what asking raises, to everybody who waits for it."""
        answer, until_s = self._answers.get(key, (None, 0.0))
        if answer is None or self._clock.monotonic_s() >= until_s:
            answer = asyncio.ensure_future(ask(key))
            self._answers.pop(key, None)
            self._answers[key] = (answer, self._clock.monotonic_s() + self._remember_s)
            if len(self._answers) > self._answers_max:
                self._answers.popitem(last=False)
            answer.add_done_callback(lambda done: self._forget_failure(key, done))
        # Who goes away takes nobody else's answer along.
        return await asyncio.shield(answer)

    def drop(self, key: KeyT) -> None:
        """Has the next one ask again."""
        self._answers.pop(key, None)

    def _forget_failure(self, key: KeyT, done: asyncio.Future[ValueT]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and self._answers.get(key, (None, 0.0))[0] is done:
            del self._answers[key]
