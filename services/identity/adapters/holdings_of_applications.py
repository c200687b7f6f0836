"""What applications for verification keep of people: what was typed, and photos."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.holdings import Erased, Holding
from services.identity.adapters.holdings_of_accounts import moment
from services.identity.adapters.vault import Vault, application_record, photo_record
from services.identity.adapters.verifying_tables import applications, loose_photos, questions, steps
from services.identity.domain.people import AccountId
from services.identity.domain.privacy.erasures import DataCategory
from services.identity.domain.verifying.application import State
from services.mesh.database.statement import Statement


def photos(vault: Vault) -> Holding:
    """Photos of the account's applications: their keys go now, the sealed rest when it is swept up."""

    def erase(connection: sa.Connection, account_id: AccountId, now_ms: int) -> Erased:
        # First, so that no photo comes after the look: whoever keeps one holds its application.
        _LOCKED.rows(connection, {"account": account_id})
        rows = _PHOTOS.rows(connection, {"account": account_id})
        for row in rows:
            vault.erase(connection, photo_record(row.photo_id))
            # One of a rejected application may be waiting for its removal already.
            _BIND.run(connection, {"photo": row.photo_id})
            _LOOSEN.run(connection, {"photo_id": row.photo_id, "remove_ms": now_ms})
        return Erased(len(rows))

    def show(connection: sa.Connection, account_id: AccountId) -> Any:
        return [
            {"photo_id": str(row.photo_id), "width": row.photo_width, "height": row.photo_height}
            for row in _PHOTOS.rows(connection, {"account": account_id})
        ]

    return Holding(DataCategory.PHOTOS, erase_account=erase, show_account=show)


def typed(vault: Vault) -> Holding:
    """What was typed. An application that is open ends as rejected, and nobody is asked about it any more."""

    def erase(connection: sa.Connection, account_id: AccountId, now_ms: int) -> Erased:
        # Whoever is at work on one of them comes before or after this.
        rows = _LOCKED.rows(connection, {"account": account_id})
        for row in rows:
            of_application = {"verification": row.verification_id}
            _EMPTY_STEPS.run(connection, of_application)
            _ASK_NOBODY.run(connection, of_application)
            vault.erase(connection, application_record(row.verification_id))
        _REJECT.run(connection, {"account": account_id, "now_ms": now_ms})
        return Erased(len(rows))

    def show(connection: sa.Connection, account_id: AccountId) -> Any:
        return [
            {
                "verification_id": str(row.verification_id),
                "state": State(row.state).name,
                "started_at": moment(row.started_ms),
            }
            for row in _APPLICATIONS.rows(connection, {"account": account_id})
        ]

    return Holding(DataCategory.APPLICATIONS, erase_account=erase, show_account=show)


_of_account = applications.c.account_id == bindparam("account")
_of_application = steps.c.verification_id == bindparam("verification")
_PHOTOS = Statement(
    sa.select(steps.c.photo_id, steps.c.photo_width, steps.c.photo_height)
    .select_from(steps.join(applications, applications.c.verification_id == steps.c.verification_id))
    .where(_of_account, steps.c.photo_id.is_not(None))
    .order_by(steps.c.photo_id)
)
_BIND = Statement(loose_photos.delete().where(loose_photos.c.photo_id == bindparam("photo")))
_LOOSEN = Statement(loose_photos.insert())
_applications = (
    sa.select(applications.c.verification_id, applications.c.state, applications.c.started_ms)
    .where(_of_account)
    .order_by(applications.c.started_ms, applications.c.verification_id)
)
_APPLICATIONS = Statement(_applications)
_LOCKED = Statement(_applications.with_for_update())
_EMPTY_STEPS = Statement(
    steps.update()
    .where(_of_application)
    .values(
        typed_sealed=sa.null(),
        photo_id=sa.null(),
        photo_type=sa.null(),
        photo_width=sa.null(),
        photo_height=sa.null(),
        photo_digest=sa.null(),
        masked="",
    )
)
_ASK_NOBODY = Statement(
    questions.update()
    .where(questions.c.verification_id == bindparam("verification"))
    .values(open_due_ms=sa.null())
)
_REJECT = Statement(
    applications.update()
    .where(_of_account, applications.c.open_account_id.is_not(None))
    .values(
        state=int(State.REJECTED),
        open_account_id=sa.null(),
        ended_ms=bindparam("now_ms"),
        version=applications.c.version + 1,
    )
)
