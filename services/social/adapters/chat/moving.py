"""What a person who turned out to be another one has received and sent goes to that one, in one transaction.

Their conversations with others follow those that the other one has with the same people: numbers go on, and
every message stays, once. In the timeline it comes after all that was there, as if it had just arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Statement
from services.social.adapters.chat import merging
from services.social.adapters.chat.batch import PEOPLE
from services.social.adapters.chat.columns import Columns
from services.social.adapters.chat.marks import hold
from services.social.adapters.chat.recounting import Reading, reading_of, recount
from services.social.adapters.chat.tables import conversations, inbox, messages, people, reads, threads
from services.social.domain.chat.message import Conversation
from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class _Shift:
    """Where a conversation goes, and what its numbers go up by."""

    place: Conversation
    target: Conversation
    seq: int


def move(connection: sa.Connection, before: PersonId, now: PersonId, now_ms: int) -> int:
    """Moves everything; the last entry of the timeline that it went to. Doing it again changes nothing."""
    if merging.now_of(connection, [before]):
        return 0
    places = _places(connection, before)
    targets = {place: merging.moved(place, {before: now}) for place in places}
    # As whoever sends: conversations in the order of their keys, then people in theirs.
    for place in sorted({*targets, *targets.values()}):
        _LOCK.first(connection, _key(place))
    heads = {row.person_id: int(row.inbox_seq) for row in PEOPLE.rows(connection, [(before, 0), (now, 0)])}
    if _places(connection, before) != places:
        raise merging.run_again("a conversation began meanwhile")
    merging.record(connection, before, now)
    read = _readings(connection, before, now, targets)
    shifts = [_shift(connection, place, target, now_ms) for place, target in targets.items()]
    last = _hand_over(connection, before, now, heads[now])
    for shift in shifts:
        _RENAME_SENDER.run(connection, _key(shift.target) | {"before": before, "now": now})
    for shift in shifts:
        for person, (earlier, later) in read[shift.place].items():
            recount(connection, person, shift.target, earlier.followed_by(later, shift.seq))
    return last


def _places(connection: sa.Connection, person: PersonId) -> list[Conversation]:
    rows = _PLACES.rows(connection, {"person": person})
    return sorted(Conversation(row.low_id, row.high_id) for row in rows)


def _readings(
    connection: sa.Connection,
    before: PersonId,
    now: PersonId,
    targets: Mapping[Conversation, Conversation],
) -> dict[Conversation, dict[PersonId, tuple[Reading, Reading]]]:
    """Who has read how much, of what stays and of what follows it; by the place that is left, and person."""
    found = dict[Conversation, dict[PersonId, tuple[Reading, Reading]]]()
    people = {place: _people(place, before, now) for place in targets}
    hold(
        connection,
        {(earlier, place) for place, whose in people.items() for earlier in whose.values()}
        | {(person, targets[place]) for place, whose in people.items() for person in whose},
    )
    for place, target in targets.items():
        whose = people[place]
        found[place] = {
            person: (reading_of(connection, person, target), reading_of(connection, earlier, place))
            for person, earlier in whose.items()
        }
        for person in {before, *whose} if place != target else {before}:
            for gone in (_FORGET_THREAD, _FORGET_READ):
                gone.run(connection, _key(place) | {"person": person})
    return found


def _people(place: Conversation, before: PersonId, now: PersonId) -> dict[PersonId, PersonId]:
    """Whose readings change, and who they were before."""
    whose = {now: before}
    if place.group_id is None:
        other = place.other_than(before)
        whose = {other: other} | whose
    return whose


def _shift(connection: sa.Connection, place: Conversation, target: Conversation, now_ms: int) -> _Shift:
    """Puts the messages of a conversation after those of another one."""
    if place == target:
        return _Shift(place, target, 0)
    left, onto = _LOCK.first(connection, _key(place)), _LOCK.first(connection, _key(target))
    assert left is not None, "who is in a conversation has received of it"  # noqa: S101 - an invariant
    shift = 0 if onto is None else int(onto.last_seq)
    last_ms = max(now_ms, left.last_ms, 0 if onto is None else onto.last_ms)
    _GONE.run(connection, _key(place))
    _CONVERSATION.rows(connection, [(target.low, target.high, left.last_seq, last_ms)])
    to = {"to_low": target.low, "to_high": target.high, "shift": shift}
    _MOVE_MESSAGES.run(connection, _key(place) | to | {"now_ms": last_ms})
    _MOVE_ENTRIES.run(connection, _key(place) | to)
    return _Shift(place, target, shift)


def _hand_over(
    connection: sa.Connection,
    before: PersonId,
    now: PersonId,
    head: int,
) -> int:
    """Puts entries of one timeline after those of another, but for what is in both; its last entry then.

    The conversations were moved before.
    """
    entries: Sequence[tuple[int, int, int, int]] = [
        (row.inbox_seq, row.low_id, row.high_id, row.seq)
        for row in _ENTRIES.rows(connection, {"person": before})
    ]
    for inbox_seq, low, high, seq in entries:
        old = {"before": before, "at": inbox_seq}
        if _HAS.first(connection, {"person": now, "low": low, "high": high, "seq": seq}) is not None:
            _DROP.run(connection, old)
            continue
        head += 1
        _HAND_OVER.run(connection, old | {"now": now, "now_seq": head})
    _HEAD.run(connection, {"person": now, "head": head})
    return head


def _key(place: Conversation) -> dict[str, int]:
    return {"low": place.low, "high": place.high}


def _at(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.low_id == bindparam("low"), table.c.high_id == bindparam("high"))


_PLACES = Statement(
    sa.select(threads.c.low_id, threads.c.high_id).where(threads.c.person_id == bindparam("person"))
)
_LOCK = Statement(sa.select(conversations).where(_at(conversations)).with_for_update())
_GONE = Statement(conversations.delete().where(_at(conversations)))
_CONVERSATION = Columns(
    "INSERT INTO chat_conversations (low_id, high_id, last_seq, last_ms) {rows}"
    " ON CONFLICT (low_id, high_id) DO UPDATE SET last_seq = chat_conversations.last_seq + excluded.last_seq,"
    " last_ms = excluded.last_ms RETURNING last_seq",
    "low_id",
    "high_id",
    "last_seq",
    "last_ms",
)
_to: dict[str, sa.BindParameter[int]] = {"low_id": bindparam("to_low"), "high_id": bindparam("to_high")}
_MOVE_MESSAGES = Statement(
    messages.update()
    .where(_at(messages))
    .values(**_to, seq=messages.c.seq + bindparam("shift"), kept_ms=bindparam("now_ms"))
)
_MOVE_ENTRIES = Statement(
    inbox.update().where(_at(inbox)).values(**_to, seq=inbox.c.seq + bindparam("shift"))
)
_RENAME_SENDER = Statement(
    messages.update()
    .where(_at(messages), messages.c.sender_person_id == bindparam("before"))
    .values(sender_person_id=bindparam("now"))
)
_FORGET_THREAD = Statement(threads.delete().where(_at(threads), threads.c.person_id == bindparam("person")))
_FORGET_READ = Statement(reads.delete().where(_at(reads), reads.c.person_id == bindparam("person")))
_ENTRIES = Statement(
    sa.select(inbox.c.inbox_seq, inbox.c.low_id, inbox.c.high_id, inbox.c.seq)
    .where(inbox.c.person_id == bindparam("person"))
    .order_by(inbox.c.inbox_seq)
)
_HAS = Statement(
    sa.select(inbox.c.inbox_seq).where(
        _at(inbox), inbox.c.person_id == bindparam("person"), inbox.c.seq == bindparam("seq")
    )
)
_entry = sa.and_(inbox.c.person_id == bindparam("before"), inbox.c.inbox_seq == bindparam("at"))
_DROP = Statement(inbox.delete().where(_entry))
_HAND_OVER = Statement(
    inbox.update().where(_entry).values(person_id=bindparam("now"), inbox_seq=bindparam("now_seq"))
)
_HEAD = Statement(
    people.update().where(people.c.person_id == bindparam("person")).values(inbox_seq=bindparam("head"))
)
