"""Relations in SQL; counters of people and the feed of friendships change in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.social.adapters.changes import Changes
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.merges import two_now
from services.social.adapters.relation_lists import BLOCKED, FRIENDS, INCOMING, OUTGOING, RelationList
from services.social.adapters.relation_rows import are_friends, locked, relation_of, replace_row
from services.social.adapters.remarks import RemarkSeal, forget_remarks, put_remark, remarks_between
from services.social.adapters.standings import standings
from services.social.adapters.tables import people
from services.social.domain.errors import FriendUnknown
from services.social.domain.friendships import other_side
from services.social.domain.ports import Decision, Direction, Limits, Standing
from services.social.domain.relation import End, Pair, PersonId, Relation, State


class SqlRelationStore:
    """`RelationStore` over a `Database`."""

    def __init__(
        self,
        database: Database,
        feed: SqlFriendshipFeed,
        seal: RemarkSeal,
        changes: Changes | None = None,
    ) -> None:
        self._database = database
        self._feed = feed
        self._seal = seal
        self._changes = changes or Changes()

    async def change(
        self, acting: PersonId, other: PersonId, decide: Decision, limits: Limits, trace_context: str
    ) -> Relation:
        """See `RelationStore.change`."""
        Pair.of(acting, other)

        def unit(connection: sa.Connection) -> tuple[Relation, int]:
            actor, second = two_now(connection, acting, other)
            pair = Pair.of(actor, second)
            before = locked(connection, pair)
            after = decide(before, actor, second)
            if after == before or (before is None and _is_nothing(after)):
                return after, 0
            replace_row(connection, pair, before, after, limits)
            return after, self._tell(connection, before, after, actor, trace_context)

        after, seq = await self._database.write(unit)
        if seq:
            self._feed.announce(seq)
        self._changes.pair(after.pair)
        return after

    def _tell(
        self,
        connection: sa.Connection,
        before: Relation | None,
        after: Relation,
        acting: PersonId,
        trace_context: str,
    ) -> int:
        made = are_friends(after) - are_friends(before)
        if not made:
            return 0
        if made > 0:
            return self._feed.add(connection, after.pair, after.asking, None, after.changed_ms, trace_context)
        forget_remarks(connection, after.pair)
        end = End.BLOCKED if after.is_blocked else End.REMOVED
        return self._feed.add(connection, after.pair, acting, end, after.changed_ms, trace_context)

    async def set_remark(self, person: PersonId, friend: PersonId, remark: str) -> None:
        """See `RelationStore.set_remark`."""
        Pair.of(person, friend)

        def unit(connection: sa.Connection) -> None:
            me, them = two_now(connection, person, friend)
            if remark and not are_friends(locked(connection, Pair.of(me, them))):
                raise FriendUnknown(person, friend)
            put_remark(connection, me, them, self._seal.seal(me, them, remark) if remark else None)

        await self._database.write(unit)

    async def friends_named(
        self, person: PersonId, after: PersonId, limit: int
    ) -> tuple[Sequence[Relation], Mapping[PersonId, str]]:
        """See `RelationStore.friends_named`."""

        def unit(connection: sa.Connection) -> tuple[list[Relation], Mapping[PersonId, str]]:
            found = [relation_of(row) for row in FRIENDS.rows(connection, person, after, limit)]
            if not found:
                return found, {}
            first, last = other_side(found[0], person), other_side(found[-1], person)
            sealed = remarks_between(connection, person, first, last)
            return found, {friend: self._seal.unseal(person, friend, name) for friend, name in sealed.items()}

        return await self._database.read(unit)

    async def friends(self, person: PersonId, after: PersonId, limit: int) -> Sequence[Relation]:
        """See `RelationStore.friends`."""
        return await self._list(person, after, limit, FRIENDS)

    async def requests(
        self, person: PersonId, direction: Direction, after: PersonId, limit: int
    ) -> Sequence[Relation]:
        """See `RelationStore.requests`."""
        return await self._list(
            person, after, limit, INCOMING if direction is Direction.INCOMING else OUTGOING
        )

    async def blocked(self, person: PersonId, after: PersonId, limit: int) -> Sequence[Relation]:
        """See `RelationStore.blocked`."""
        return await self._list(person, after, limit, BLOCKED)

    async def standings(self, pairs: Sequence[tuple[PersonId, PersonId]]) -> Sequence[Standing]:
        """See `RelationStore.standings`."""
        return await self._database.read(lambda connection: standings(connection, pairs))

    async def friend_count(self, person: PersonId) -> int:
        """See `RelationStore.friend_count`."""

        def unit(connection: sa.Connection) -> int:
            row = _COUNTED.first(connection, {"person": person})
            return 0 if row is None else int(row.friends)

        return await self._database.read(unit)

    async def friends_among(self, person: PersonId, others: Sequence[PersonId]) -> frozenset[PersonId]:
        """See `RelationStore.friends_among`."""
        return await self._database.read(lambda connection: friends_among(connection, person, others))

    async def _list(
        self, person: PersonId, after: PersonId, limit: int, lists: RelationList
    ) -> Sequence[Relation]:
        def unit(connection: sa.Connection) -> list[Relation]:
            return [relation_of(row) for row in lists.rows(connection, person, after, limit)]

        return await self._database.read(unit)


def friends_among(
    connection: sa.Connection, person: PersonId, others: Sequence[PersonId]
) -> frozenset[PersonId]:
    """Those of the others who are the person's friends."""
    found = standings(connection, [(person, other) for other in others])
    return frozenset(other for other, standing in zip(others, found, strict=True) if standing.are_friends)


def _is_nothing(known: Relation) -> bool:
    return known.state is State.ENDED and not known.is_blocked


_COUNTED = Statement(sa.select(people.c.friends).where(people.c.person_id == bindparam("person")))
