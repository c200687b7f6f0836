"""Who may write to whom, as relations and groups say, remembered for some seconds."""

from __future__ import annotations

import asyncio
from functools import partial

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.remembered import Remembered
from services.social.adapters.standings import standings
from services.social.domain.group import GroupId
from services.social.domain.ports import GroupStore, Standing
from services.social.domain.relation import Pair, PersonId

_NOBODY = PersonId(0)


class RememberedAcquaintances:
    """`Acquaintances` over relations and groups.

    What changes in this process is forgotten at once. Who stops being a friend, or a member, at a replica may
    send and be sent to for as long as an answer is remembered.
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
        asks_max: int,
    ) -> None:
        """`asks_max` questions are under way at once: no more of the readers that others wait for, too."""
        self._database = database
        self._groups = groups
        self._members_max = members_max
        self._turns = asyncio.Semaphore(asks_max)
        self._pairs: Remembered[Pair, Standing] = Remembered(clock, pairs_max, remember_s)
        self._members: Remembered[GroupId, frozenset[PersonId]] = Remembered(clock, groups_max, remember_s)

    async def standing(self, one: PersonId, other: PersonId) -> Standing:
        """See `Acquaintances.standing`."""
        pair = Pair.of(one, other)
        return await self._pairs.get(pair, partial(self._ask_standing, pair))

    async def members(self, group_id: GroupId) -> frozenset[PersonId]:
        """See `Acquaintances.members`."""
        return await self._members.get(group_id, partial(self._ask_members, group_id))

    def forget_pair(self, pair: Pair) -> None:
        """Has what is between two people looked up again: it has changed."""
        self._pairs.drop(pair)

    def forget_group(self, group_id: GroupId) -> None:
        """Has a group's members looked up again: they have changed."""
        self._members.drop(group_id)

    async def _ask_standing(self, pair: Pair) -> Standing:
        async with self._turns:
            (standing,) = await self._database.read(partial(standings, pairs=[(pair.low, pair.high)]))
        return standing

    async def _ask_members(self, group_id: GroupId) -> frozenset[PersonId]:
        async with self._turns:
            found = await self._groups.members(group_id, _NOBODY, _NOBODY, self._members_max)
        return frozenset() if found is None else frozenset(member.person for member in found.members)
