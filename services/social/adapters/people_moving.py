"""What becomes of relations, remarks and groups when a person turns out to be another one, or is erased.

A merge is on record from the transaction that moves everything: from then on, whatever is asked under the
earlier number is answered for the person behind it. What another replica wrote for it in that very moment is
moved by the keeper, which looks at recent merges again and again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger
from services.social.adapters import group_rows
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.group_tables import invitations
from services.social.adapters.merges import recent_merges, record_merge
from services.social.adapters.people_news import AfterCommit
from services.social.adapters.relation_lists import EVERYTHING
from services.social.adapters.relation_rows import are_friends, locked, relation_of, replace_row
from services.social.adapters.remarks import RemarkSeal, erase_remarks, forget_remarks, move_remarks
from services.social.adapters.tables import members
from services.social.domain.friendships import other_side
from services.social.domain.group import Answer, GroupId, Role
from services.social.domain.people import PersonErased, PersonEvent, PersonsMerged
from services.social.domain.relation import End, Pair, PersonId, Relation, State, taken_over

_PAGE = 500
"""Relations or groups read at once."""
_NOBODY = PersonId(0)

_log = get_logger("social.people")


class PeopleMover:
    """Hears news of people; see `PeopleHandler`."""

    def __init__(self, database: Database, feed: SqlFriendshipFeed, clock: Clock, seal: RemarkSeal) -> None:
        self._database = database
        self._feed = feed
        self._clock = clock
        self._seal = seal

    def take(self, connection: sa.Connection, event: PersonEvent) -> AfterCommit | None:
        """Moves what a merged person has, takes away what is said of an erased one."""
        match event.news:
            case PersonsMerged():
                record_merge(connection, event.news, self._clock.now_ms())
                seq = self._move(connection, event.news, event.trace_context)
                return (lambda: self._feed.announce(seq)) if seq else None
            case PersonErased():
                erase_remarks(connection, event.news.person)
        return None

    async def look_again(self, since_ms: int, merges_max: int) -> None:
        """Moves what was written for merged persons while they were merged, for recent merges."""

        def look(connection: sa.Connection) -> list[PersonsMerged]:
            found = recent_merges(connection, since_ms, merges_max)
            return [merge for merge in found if _has_anything(connection, merge.provisional)]

        for merge in await self._database.read(look):
            self._feed.announce(await self._database.write(partial(self._moved_again, merge)))

    def _moved_again(self, merge: PersonsMerged, connection: sa.Connection) -> int:
        return self._move(connection, merge, "")

    def _move(self, connection: sa.Connection, merge: PersonsMerged, trace_context: str) -> int:
        """Moves everything; the last event told, 0 for none."""
        seq = 0
        while rows := EVERYTHING.rows(connection, merge.provisional, _NOBODY, _PAGE):
            for row in rows:
                seq = max(seq, self._move_relation(connection, merge, relation_of(row).pair, trace_context))
        _move_groups(connection, merge, self._clock.now_ms())
        return seq

    def _move_relation(
        self, connection: sa.Connection, merge: PersonsMerged, listed: Pair, trace_context: str
    ) -> int:
        # What another replica has made of it since it was listed counts.
        mine = locked(connection, listed)
        if mine is None:
            return 0
        now_ms, earlier = self._clock.now_ms(), merge.provisional
        third = other_side(mine, earlier)
        replace_row(connection, mine.pair, mine, None, None)
        seq = 0
        if are_friends(mine):
            seq = self._feed.add(connection, mine.pair, earlier, End.MERGED, now_ms, trace_context)
        if third == merge.person:
            forget_remarks(connection, mine.pair)
            return seq
        pair = Pair.of(merge.person, third)
        theirs = locked(connection, pair)
        after = taken_over(mine, earlier, merge.person, theirs)
        if theirs is not None or after.is_blocked or after.state is not State.ENDED:
            replace_row(connection, pair, theirs, after, None)
        if are_friends(after):
            move_remarks(connection, self._seal, third, earlier, merge.person)
        else:
            forget_remarks(connection, mine.pair)
        return max(seq, self._tell(connection, theirs, after, mine, trace_context))

    def _tell(
        self,
        connection: sa.Connection,
        before: Relation | None,
        after: Relation,
        moved: Relation,
        trace_context: str,
    ) -> int:
        made, now_ms = are_friends(after) - are_friends(before), self._clock.now_ms()
        if made > 0:
            by_merge = are_friends(moved)
            return self._feed.add(
                connection, after.pair, after.asking, None, now_ms, trace_context, by_merge=by_merge
            )
        if made < 0:
            forget_remarks(connection, after.pair)
            ending = after.pair.low if after.low_blocks else after.pair.high
            return self._feed.add(connection, after.pair, ending, End.BLOCKED, now_ms, trace_context)
        return 0


class PeopleKeeper:
    """Looks at recent merges again and again."""

    def __init__(
        self, mover: PeopleMover, clock: Clock, *, look_ms: int, recent_ms: int, merges_max: int
    ) -> None:
        """Every look takes the newest `merges_max` merges of the last `recent_ms`."""
        self._mover = mover
        self._clock = clock
        self._look_s = look_ms / 1000
        self._recent_ms = recent_ms
        self._merges_max = merges_max

    async def run(self) -> None:
        """Looks and sleeps, until cancelled."""
        while True:
            await self._clock.sleep(self._look_s)
            try:
                await self._mover.look_again(self._clock.now_ms() - self._recent_ms, self._merges_max)
            except ServiceError as error:
                # The database may be behind. What is on record is seen by the next look.
                _log.info("merges_wait", error=str(error))


def _has_anything(connection: sa.Connection, person: PersonId) -> bool:
    return bool(
        EVERYTHING.rows(connection, person, _NOBODY, 1)
        or _GROUPS_OF.rows(connection, {"person": person, "limit": 1})
        or _INVITED_TO.rows(connection, {"person": person, "limit": 1})
    )


def _move_groups(connection: sa.Connection, merge: PersonsMerged, now_ms: int) -> None:
    wanted = {"person": merge.provisional, "limit": _PAGE}
    while rows := _GROUPS_OF.rows(connection, wanted):
        for row in rows:
            _move_membership(connection, merge, GroupId(row.group_id))
    while rows := _INVITED_TO.rows(connection, wanted):
        for row in rows:
            _move_invitation(connection, merge, GroupId(row.group_id), now_ms)


def _move_membership(connection: sa.Connection, merge: PersonsMerged, group_id: GroupId) -> None:
    """The person is in the group, since the earlier moment and with the greater of the two roles."""
    group = group_rows.locked_group(connection, group_id)
    assert group is not None, "a member's group is there"  # noqa: S101 - an invariant
    since_ms = group_rows.since_of(connection, group_id, merge.provisional)
    if since_ms is None:
        # Out of it since it was listed.
        return
    roles = [group_rows.role_of(connection, group, who) for who in (merge.provisional, merge.person)]
    own_since_ms = group_rows.since_of(connection, group_id, merge.person)
    group_rows.take_out(connection, group_id, merge.provisional)
    count = group.member_count
    if own_since_ms is not None:
        group_rows.take_out(connection, group_id, merge.person)
        since_ms, count = min(since_ms, own_since_ms), count - 1
    group_rows.come_in(connection, group_id, merge.person, since_ms, None)
    group_rows.put_invitation(connection, group_id, merge.person, None)
    is_owner = Role.OWNER in roles
    group_rows.set_admin(connection, group_id, merge.person, is_admin=Role.ADMIN in roles and not is_owner)
    owner = merge.person if is_owner else group.owner
    group_rows.update_group(connection, replace(group, owner=owner, member_count=count))


def _move_invitation(connection: sa.Connection, merge: PersonsMerged, group_id: GroupId, now_ms: int) -> None:
    """The person is invited, unless they are in the group, or were invited and have not declined."""
    moved = group_rows.invitation_of(connection, group_id, merge.provisional, now_ms)
    group_rows.put_invitation(connection, group_id, merge.provisional, None)
    own = group_rows.invitation_of(connection, group_id, merge.person, now_ms)
    is_in = group_rows.since_of(connection, group_id, merge.person) is not None
    if moved is None or is_in or (own is not None and own.answer is Answer.OPEN):
        return
    group_rows.put_invitation(connection, group_id, merge.person, moved)


_GROUPS_OF = Statement(
    sa.select(members.c.group_id)
    .where(members.c.person_id == bindparam("person"))
    .order_by(members.c.group_id)
    .limit(bindparam("limit"))
)
_INVITED_TO = Statement(
    sa.select(invitations.c.group_id)
    .where(invitations.c.person_id == bindparam("person"))
    .order_by(invitations.c.group_id)
    .limit(bindparam("limit"))
)
