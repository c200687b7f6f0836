"""What becomes of invitations when identity tells who is real, and who is whom."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import bindparam

from hongbao.social.v1 import events_pb2
from services.mesh.database.statement import Statement
from services.mesh.timestamps import timestamp
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.invitations.rows import acceptance, is_verified, values
from services.social.adapters.invitations.tables import acceptances, invitations, inviters, rewards, verified
from services.social.adapters.people_news import AfterCommit
from services.social.domain.invitations.invitation import Acceptance, State, judged
from services.social.domain.people import PersonEvent, PersonsMerged, PersonVerified
from services.social.domain.relation import PersonId


class InvitationNews:
    """A `PeopleHandler`: fulfils invitations, and tells the feed in the same transaction."""

    def __init__(self, feed: SqlFriendshipFeed) -> None:
        self._feed = feed

    def __call__(self, connection: sa.Connection, event: PersonEvent) -> AfterCommit | None:
        """See `PeopleHandler`."""
        match event.news:
            case PersonVerified(person):
                return self._verified(connection, event, person)
            case PersonsMerged(provisional, person):
                return self._merged(connection, event, provisional, person)
            case _:
                return None

    def _verified(
        self, connection: sa.Connection, event: PersonEvent, person: PersonId
    ) -> AfterCommit | None:
        if is_verified(connection, person):
            return None
        _INSERT_VERIFIED.run(connection, {"person_id": person})
        known = [*_waiting(connection, invited=person), *_waiting(connection, inviting=person)]
        return self._judge_all(connection, event, known)

    def _merged(
        self, connection: sa.Connection, event: PersonEvent, provisional: PersonId, person: PersonId
    ) -> AfterCommit | None:
        # Whoever was known already was brought by nobody.
        for known in _waiting(connection, invited=provisional):
            _keep(connection, replace(known, state=State.NOT_COUNTED, ended_ms=event.time_ms))
        moved = {"person": provisional, "other": person}
        _MOVE_INVITATIONS.run(connection, moved)
        _MOVE_ACCEPTANCES.run(connection, moved)
        _FORGET_INVITER.run(connection, {"person": provisional})
        return self._judge_all(connection, event, _waiting(connection, inviting=person))

    def _judge_all(
        self, connection: sa.Connection, event: PersonEvent, waiting: list[Acceptance]
    ) -> AfterCommit | None:
        told = [self._judge(connection, event, known) for known in waiting]
        last = max(told, default=0)
        return (lambda: self._feed.announce(last)) if last else None

    def _judge(self, connection: sa.Connection, event: PersonEvent, known: Acceptance) -> int:
        """Number of the event in the feed; 0 when there is none."""
        pair = {
            "low_person_id": min(known.inviting, known.invited),
            "high_person_id": max(known.inviting, known.invited),
        }
        state = judged(
            known,
            invited_is_verified=is_verified(connection, known.invited),
            inviting_is_verified=is_verified(connection, known.inviting),
            had_reward=_REWARDED.first(connection, pair) is not None,
        )
        if state is known.state:
            return 0
        after = replace(known, state=state)
        if after.has_ended:
            after = replace(after, ended_ms=event.time_ms)
        _keep(connection, after)
        if state is not State.FULFILLED:
            return 0
        _INSERT_REWARD.run(connection, pair)
        return self._feed.tell(connection, _fulfilled(after), event.time_ms, event.trace_context)


def _fulfilled(known: Acceptance) -> bytes:
    fulfilled = events_pb2.InvitationFulfilled(
        campaign_id=known.campaign_id,
        inviting_person_id=known.inviting,
        invited_person_id=known.invited,
        fulfilled_at=timestamp(known.ended_ms),
    )
    return events_pb2.SocialEvent(invitation_fulfilled=fulfilled).SerializeToString()


def _waiting(
    connection: sa.Connection, *, invited: PersonId | None = None, inviting: PersonId | None = None
) -> list[Acceptance]:
    """Acceptances that have not ended: of an invited person, or of an inviting one."""
    rows = (
        _WAITING_OF_INVITED.rows(connection, {"person": invited})
        if invited is not None
        else _WAITING_OF_INVITING.rows(connection, {"person": inviting})
    )
    return [acceptance(row) for row in rows]


def _keep(connection: sa.Connection, known: Acceptance) -> None:
    kept = values(known)
    wanted = {"person": kept["invited_person_id"], "campaign": kept["campaign_id"]}
    _UPDATE.run(connection, wanted | {"state": kept["state"], "ended_ms": kept["ended_ms"]})


_has_not_ended = acceptances.c.state <= int(State.VERIFIED)
_WAITING_OF_INVITED = Statement(
    sa.select(acceptances)
    .where(acceptances.c.invited_person_id == bindparam("person"), _has_not_ended)
    .order_by(acceptances.c.campaign_id)
)
_WAITING_OF_INVITING = Statement(
    sa.select(acceptances)
    .where(acceptances.c.inviting_person_id == bindparam("person"), _has_not_ended)
    .order_by(acceptances.c.campaign_id, acceptances.c.invited_person_id)
)
_UPDATE = Statement(
    acceptances.update()
    .where(
        acceptances.c.invited_person_id == bindparam("person"),
        acceptances.c.campaign_id == bindparam("campaign"),
    )
    .values(state=bindparam("state"), ended_ms=bindparam("ended_ms"))
)
_INSERT_VERIFIED = Statement(verified.insert())
_INSERT_REWARD = Statement(rewards.insert())
_REWARDED = Statement(
    sa.select(rewards).where(
        rewards.c.low_person_id == bindparam("low_person_id"),
        rewards.c.high_person_id == bindparam("high_person_id"),
    )
)
_MOVE_INVITATIONS = Statement(
    invitations.update()
    .where(invitations.c.inviting_person_id == bindparam("person"))
    .values(inviting_person_id=bindparam("other"))
)
_MOVE_ACCEPTANCES = Statement(
    acceptances.update()
    .where(acceptances.c.inviting_person_id == bindparam("person"))
    .values(inviting_person_id=bindparam("other"))
)
_FORGET_INVITER = Statement(inviters.delete().where(inviters.c.person_id == bindparam("person")))
