"""Who turned out to be whom: messages under an earlier number go to the person behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Statement
from services.social.adapters.chat.columns import Columns
from services.social.adapters.chat.tables import merges
from services.social.domain.chat.message import Conversation
from services.social.domain.relation import PersonId


def now_of(connection: sa.Connection, people: Iterable[PersonId]) -> Mapping[PersonId, PersonId]:
    """Those of the people who turned out to be others, and who they are now."""
    rows = _FIND.rows(connection, ([person] for person in people))
    return {PersonId(row.provisional_person_id): PersonId(row.person_id) for row in rows}


def moved(place: Conversation, now: Mapping[PersonId, PersonId]) -> Conversation:
    """Where a conversation is by now."""
    if place.group_id is not None:
        return place
    low, high = PersonId(place.low), PersonId(place.high)
    return Conversation.of_two(now.get(low, low), now.get(high, high))


def check_unmerged(connection: sa.Connection, people: Iterable[PersonId]) -> None:
    """For who holds the people's rows. Has the unit run again when one was merged just before."""
    if now_of(connection, people):
        raise run_again("a person was merged meanwhile")


def run_again(reason: str) -> sa.exc.IntegrityError:
    """What a unit raises that must begin anew: another writer was faster."""
    return sa.exc.IntegrityError(reason, None, Exception(reason))


def earlier_of(connection: sa.Connection, person: PersonId) -> list[PersonId]:
    """The numbers that a person had before."""
    rows = _EARLIER.rows(connection, {"person": person})
    return [PersonId(row.provisional_person_id) for row in rows]


def earlier_of_all(
    connection: sa.Connection, people: Iterable[PersonId]
) -> Mapping[PersonId, Sequence[PersonId]]:
    """The numbers that people had before; without those who had none."""
    found = defaultdict[PersonId, list[PersonId]](list)
    for row in _EARLIER_OF_ALL.rows(connection, ([person] for person in people)):
        found[PersonId(row.person_id)].append(PersonId(row.provisional_person_id))
    return found


def record(connection: sa.Connection, provisional: PersonId, person: PersonId) -> None:
    """From here on nothing is put into the timeline of the first. A person is merged at most once."""
    _INSERT.run(connection, {"provisional_person_id": provisional, "person_id": person})


_FIND = Columns(
    "SELECT known.provisional_person_id, known.person_id FROM ({rows}) AS wanted"
    " JOIN chat_merges AS known ON known.provisional_person_id = wanted.person_id",
    "person_id",
)
_EARLIER_OF_ALL = Columns(
    "SELECT known.provisional_person_id, known.person_id FROM ({rows}) AS wanted"
    " JOIN chat_merges AS known ON known.person_id = wanted.person_id",
    "person_id",
)
_EARLIER = Statement(
    sa.select(merges.c.provisional_person_id).where(merges.c.person_id == bindparam("person"))
)
_INSERT = Statement(merges.insert())
