"""Invitations in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.database.upserts import InsertOrAdd
from services.social.adapters.invitations.rows import INSERT_ACCEPTANCE, acceptance, is_verified, values
from services.social.adapters.invitations.tables import acceptances, invitations, inviters
from services.social.adapters.merges import now_of
from services.social.adapters.people_news import hold_people
from services.social.domain.invitations import invitation as rules
from services.social.domain.invitations.errors import (
    InvitationLimitReached,
    InvitationUnknown,
    InvitedLimitReached,
)
from services.social.domain.invitations.invitation import Acceptance, CampaignId, Code, Invitation
from services.social.domain.invitations.ports import InvitationLimits
from services.social.domain.relation import PersonId


class SqlInvitationStore:
    """`InvitationStore` over a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: Invitation, limits: InvitationLimits) -> Invitation:
        """See `InvitationStore.create`."""

        def unit(connection: sa.Connection) -> Invitation:
            hold_people(connection)
            inviting = _now(connection, new.inviting)
            # Held from here on: of two that come at once the second one finds the first one's.
            total = _CAMPAIGNS.execute(connection, {"person_id": inviting, "campaigns": 0})
            row = _OF_PERSON.first(connection, {"person": inviting, "campaign": new.campaign_id})
            if row is not None:
                return _invitation(row)
            if total.campaigns >= limits.campaigns_max:
                raise InvitationLimitReached(inviting, limits.campaigns_max)
            _CAMPAIGNS.execute(connection, {"person_id": inviting, "campaigns": 1})
            _INSERT.run(
                connection,
                {
                    "code": new.code,
                    "inviting_person_id": inviting,
                    "campaign_id": new.campaign_id,
                    "created_ms": new.created_ms,
                    "accepted_count": 0,
                },
            )
            return new

        return await self._database.write(unit)

    async def accept(self, code: Code, person: PersonId, now_ms: int, limits: InvitationLimits) -> Acceptance:
        """See `InvitationStore.accept`."""

        def unit(connection: sa.Connection) -> Acceptance:
            hold_people(connection)
            row = _LOCK.first(connection, {"invitation": code})
            if row is None:
                raise InvitationUnknown(code)
            invitation, somebody = _invitation(row), _now(connection, person)
            known = self._known(connection, person, invitation.campaign_id)
            accepted = rules.accept(
                invitation,
                somebody if known is None else person,
                known,
                now_ms,
                is_verified=is_verified(connection, somebody),
            )
            if known is None:
                if invitation.accepted_count >= limits.invited_max:
                    raise InvitedLimitReached(code, limits.invited_max)
                # Another replica may insert the person's now: the key stops one, which then runs again.
                INSERT_ACCEPTANCE.run(connection, values(accepted))
                _COUNT.run(connection, {"invitation": code, "count": invitation.accepted_count + 1})
            return accepted

        return await self._database.write(unit)

    async def invited(
        self, inviting: PersonId, campaign_id: CampaignId, after: PersonId, limit: int
    ) -> Sequence[Acceptance]:
        """See `InvitationStore.invited`."""

        def unit(connection: sa.Connection) -> list[Acceptance]:
            wanted = {"person": _now(connection, inviting), "campaign": campaign_id}
            rows = _INVITED.rows(connection, wanted | {"after": after, "limit": limit})
            return [acceptance(row) for row in rows]

        return await self._database.read(unit)

    @staticmethod
    def _known(connection: sa.Connection, person: PersonId, campaign_id: CampaignId) -> Acceptance | None:
        row = _ACCEPTED.first(connection, {"person": person, "campaign": campaign_id})
        return None if row is None else acceptance(row)


def _now(connection: sa.Connection, person: PersonId) -> PersonId:
    return now_of(connection, [person]).get(person, person)


def _invitation(row: Row) -> Invitation:
    return Invitation(
        code=Code(row.code),
        inviting=PersonId(row.inviting_person_id),
        campaign_id=CampaignId(row.campaign_id),
        created_ms=row.created_ms,
        accepted_count=row.accepted_count,
    )


_CAMPAIGNS = InsertOrAdd(inviters)
_INSERT = Statement(invitations.insert())
_OF_PERSON = Statement(
    sa.select(invitations)
    .where(
        invitations.c.inviting_person_id == bindparam("person"),
        invitations.c.campaign_id == bindparam("campaign"),
    )
    .order_by(invitations.c.created_ms, invitations.c.code)
    .limit(1)
)
_LOCK = Statement(
    sa.select(invitations).where(invitations.c.code == bindparam("invitation")).with_for_update()
)
_COUNT = Statement(
    invitations.update()
    .where(invitations.c.code == bindparam("invitation"))
    .values(accepted_count=bindparam("count"))
)
_ACCEPTED = Statement(
    sa.select(acceptances).where(
        acceptances.c.invited_person_id == bindparam("person"),
        acceptances.c.campaign_id == bindparam("campaign"),
    )
)
_INVITED = Statement(
    sa.select(acceptances)
    .where(
        acceptances.c.inviting_person_id == bindparam("person"),
        acceptances.c.campaign_id == bindparam("campaign"),
        acceptances.c.invited_person_id > bindparam("after"),
    )
    .order_by(acceptances.c.invited_person_id)
    .limit(bindparam("limit"))
)
