"""Applications for verification in SQL: every change, and all that it brings about, is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters import statements, verifying_rows
from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.channels import confirmed_by
from services.identity.adapters.vault import Vault
from services.identity.adapters.verifying_tables import applications
from services.identity.domain.errors import AccountUnknown
from services.identity.domain.people import Account, AccountId, PersonId, Tier
from services.identity.domain.verifying.application import Application, Confirmed, VerificationId
from services.identity.domain.verifying.errors import VerificationUnknown
from services.identity.domain.verifying.ports import Change, Holder, Standing
from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.wakeup import Wakeup

_FAR_MS = 1 << 62


class SqlApplicationStore:
    """`ApplicationStore` over a `Database`. Waiters in this process are woken; those in replicas poll."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        accounts: SqlAccountStore,
        clock: Clock,
        *,
        poll_ms: int,
        rejected_photos_kept_ms: int,
    ) -> None:
        self._database = database
        self._vault = vault
        self._accounts = accounts
        self._clock = clock
        self._poll_s = poll_ms / 1000
        self._rejected_photos_kept_ms = rejected_photos_kept_ms
        self._changed = Wakeup()

    async def start(
        self, account_id: AccountId, make: Callable[[Confirmed, Tier, int], Application]
    ) -> Standing:
        """See `ApplicationStore.start`."""

        def unit(connection: sa.Connection) -> Standing:
            # Locked first: the account may be verified, or apply a second time, at the same moment.
            if statements.LOCK.first(connection, {"account": account_id}) is None:
                raise AccountUnknown(account_id)
            holder = _holder(connection, account_id)
            row = _OPEN.first(connection, {"account": account_id})
            if row is not None:
                return Standing(verifying_rows.load(connection, self._vault, row), holder)
            earlier = _COUNT.first(connection, {"account": account_id})
            tier = Tier.NONE if holder is None else holder.tier
            application = make(_confirmed(connection, holder), tier, earlier.applications if earlier else 0)
            verifying_rows.insert(connection, self._vault, application)
            return Standing(application, holder)

        return await self._database.write(unit)

    async def find(self, account_id: AccountId, verification_id: VerificationId) -> Standing | None:
        """See `ApplicationStore.find`."""

        def unit(connection: sa.Connection) -> Standing | None:
            row = verifying_rows.BY_ID.first(connection, {"verification": verification_id})
            if row is None or row.account_id != account_id:
                return None
            return self._standing(connection, row)

        return await self._database.read(unit)

    async def change(
        self, account_id: AccountId, verification_id: VerificationId, change: Change, now_ms: int
    ) -> Standing:
        """See `ApplicationStore.change`."""

        def unit(connection: sa.Connection) -> Standing:
            row = verifying_rows.LOCKED.first(connection, {"verification": verification_id})
            if row is None or row.account_id != account_id:
                raise VerificationUnknown(account_id, verification_id)
            before, holder = (
                verifying_rows.load(connection, self._vault, row),
                _holder(connection, account_id),
            )
            after = change(before, _confirmed(connection, holder))
            return Standing(self.save_within(connection, before, after, now_ms), holder)

        standing = await self._database.write(unit)
        self._changed.call()
        return standing

    async def listed(
        self, account_id: AccountId, before: VerificationId | None, before_ms: int, limit: int
    ) -> Sequence[Standing]:
        """See `ApplicationStore.listed`."""
        place = (
            {"before_ms": _FAR_MS, "before": 0}
            if before is None
            else {"before_ms": before_ms, "before": before}
        )

        def unit(connection: sa.Connection) -> list[Standing]:
            rows = _LISTED.rows(connection, {"account": account_id, "limit": limit, **place})
            return [self._standing(connection, row) for row in rows]

        return await self._database.read(unit)

    async def accounts_of(self, account_id: AccountId, after: int, limit: int) -> Sequence[Account]:
        """See `ApplicationStore.accounts_of`."""

        def unit(connection: sa.Connection) -> Sequence[Account]:
            account = self._accounts.find_within(connection, account_id)
            if account is None:
                raise AccountUnknown(account_id)
            if account.person is None:
                return [account] if account_id > after else []
            return self._accounts.of_person_within(connection, account.person.person_id, after, limit)

        return await self._database.read(unit)

    async def rest(self, timeout_s: float) -> None:
        """Waits until an application changes in this process, at the latest for the time."""
        await self._changed.wait(timeout_s, self._clock)

    def announce(self) -> None:
        """Wakes whoever waits for an application to change."""
        self._changed.call()

    async def wait_beyond(self, verification_id: VerificationId, timeout_s: float) -> None:  # noqa: ARG002 - all wake
        """See `ApplicationStore.wait_beyond`."""
        await self._changed.wait(min(timeout_s, self._poll_s), self._clock)

    def _standing(self, connection: sa.Connection, row: Row) -> Standing:
        application = verifying_rows.load(connection, self._vault, row)
        return Standing(application, _holder(connection, application.account_id))

    def save_within(
        self, connection: sa.Connection, before: Application, after: Application, now_ms: int
    ) -> Application:
        """Keeps what has changed, in the caller's transaction, which holds the application's row."""
        return verifying_rows.save(
            connection, self._vault, before, after, now_ms=now_ms, keep_ms=self._rejected_photos_kept_ms
        )


def _holder(connection: sa.Connection, account_id: AccountId) -> Holder | None:
    row = statements.HOLDER.first(connection, {"account": account_id})
    return None if row is None else Holder(PersonId(row.person_id), Tier(row.tier))


def _confirmed(connection: sa.Connection, holder: Holder | None) -> Confirmed:
    if holder is None:
        return Confirmed()
    banks, document = confirmed_by(connection, holder.person_id)
    return Confirmed(person=True, document=document, banks=banks)


_OPEN = Statement(sa.select(applications).where(applications.c.open_account_id == bindparam("account")))
_COUNT = Statement(
    sa.select(sa.func.count().label("applications")).where(applications.c.account_id == bindparam("account"))
)
_LISTED = Statement(
    sa.select(applications)
    .where(
        applications.c.account_id == bindparam("account"),
        sa.or_(
            applications.c.started_ms < bindparam("before_ms"),
            (applications.c.started_ms == bindparam("before_ms"))
            & (applications.c.verification_id < bindparam("before")),
        ),
    )
    .order_by(applications.c.started_ms.desc(), applications.c.verification_id.desc())
    .limit(bindparam("limit"))
)
