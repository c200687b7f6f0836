"""Sessions in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.revocations import SqlRevocations
from services.identity.adapters.session_tables import sessions
from services.identity.adapters.tables import accounts
from services.identity.domain.errors import AccountUnknown
from services.identity.domain.people import AccountId, SessionId
from services.identity.domain.privacy.errors import AccountErased
from services.identity.domain.sessions.errors import SessionUnknown
from services.identity.domain.sessions.login import Change, Position
from services.identity.domain.sessions.session import Ending, Session
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement

_FAR = (1 << 63) - 1


class SqlSessionStore:
    """`SessionStore` over a `Database`."""

    def __init__(self, database: Database, revocations: SqlRevocations) -> None:
        self._database = database
        self._revocations = revocations

    async def open(self, session: Session, sessions_max: int) -> None:
        """See `SessionStore.open`."""
        now_ms = session.opened_ms
        wanted = {"account": session.account_id, "now_ms": now_ms}

        def unit(connection: sa.Connection) -> int:
            # Held until the commit: an erasure under way revokes this session, or is seen here.
            owner = _OWNER.first(connection, {"account": session.account_id})
            if owner is None:
                raise AccountUnknown(session.account_id)
            if not owner.phone_sealed:
                raise AccountErased(session.account_id)
            # Two that open at once may both see room: one session too many is no harm.
            others = [_session(row) for row in _OPEN.rows(connection, wanted)]
            seq = 0
            for surplus in others[: max(0, len(others) + 1 - sessions_max)]:
                seq = self._end(connection, surplus, Ending.TOO_MANY, now_ms) or seq
            _INSERT.run(connection, _values(session))
            return seq

        self._revocations.announce(await self._database.write(unit))

    async def change(self, session_id: SessionId, change: Change) -> Session | None:
        """See `SessionStore.change`."""

        def unit(connection: sa.Connection) -> tuple[Session | None, int]:
            row = _LOCKED.first(connection, {"session": session_id})
            if row is None:
                return None, 0
            before = _session(row)
            after = change(before)
            return after, self._keep(connection, before, after)

        session, seq = await self._database.write(unit)
        self._revocations.announce(seq)
        return session

    async def revoke(self, account_id: AccountId, session_id: SessionId, ending: Ending, now_ms: int) -> None:
        """See `SessionStore.revoke`."""

        def unit(connection: sa.Connection) -> int:
            row = _LOCKED.first(connection, {"session": session_id})
            if row is None or row.account_id != account_id:
                raise SessionUnknown(account_id, session_id)
            return self._end(connection, _session(row), ending, now_ms)

        self._revocations.announce(await self._database.write(unit))

    async def revoke_all(
        self, account_id: AccountId, kept_id: SessionId | None, ending: Ending, now_ms: int
    ) -> int:
        """See `SessionStore.revoke_all`."""

        def unit(connection: sa.Connection) -> tuple[int, int]:
            return self.revoke_all_within(connection, account_id, kept_id, ending, now_ms)

        count, seq = await self._database.write(unit)
        self._revocations.announce(seq)
        return count

    def revoke_all_within(
        self,
        connection: sa.Connection,
        account_id: AccountId,
        kept_id: SessionId | None,
        ending: Ending,
        now_ms: int,
    ) -> tuple[int, int]:
        """As `revoke_all`, in the caller's transaction; also what to announce after the commit, or 0."""
        count, seq = 0, 0
        # Those whose refresh token has ended may have a last access token.
        for row in _UNREVOKED.rows(connection, {"account": account_id, "now_ms": now_ms}):
            if row.session_id != kept_id:
                count += 1
                seq = self._end(connection, _session(row), ending, now_ms) or seq
        return count, seq

    async def listed(
        self, account_id: AccountId, before: Position | None, limit: int, now_ms: int
    ) -> Sequence[Session]:
        """See `SessionStore.listed`."""
        before_ms, number = before or (_FAR, SessionId(_FAR))
        wanted = {"account": account_id, "before_ms": before_ms, "number": number}

        def unit(connection: sa.Connection) -> list[Session]:
            rows = _LISTED.rows(connection, {**wanted, "limit": limit, "now_ms": now_ms})
            return [_session(row) for row in rows]

        return await self._database.read(unit)

    async def purge(self, now_ms: int, limit: int) -> int:
        """See `SessionStore.purge`."""

        def unit(connection: sa.Connection) -> int:
            rows = _FORGETTABLE.rows(connection, {"now_ms": now_ms, "limit": limit})
            for row in rows:
                _DELETE.run(connection, {"number": row.session_id, "now_ms": now_ms})
            return len(rows)

        return await self._database.write(unit)

    def _end(self, connection: sa.Connection, session: Session, ending: Ending, now_ms: int) -> int:
        return self._keep(connection, session, session.revoked(ending, now_ms))

    def _keep(self, connection: sa.Connection, before: Session, after: Session) -> int:
        """Writes what has changed; the revocation's number if there is one, else 0."""
        if after == before:
            return 0
        _UPDATE.run(connection, {"session": after.session_id, **_changing(after)})
        if after.revoked_ms is None or before.revoked_ms is not None:
            return 0
        return self._revocations.add(connection, after.session_id, after.access_ends_ms, after.revoked_ms)


def _session(row: Row) -> Session:
    return Session(
        session_id=SessionId(row.session_id),
        account_id=AccountId(row.account_id),
        salt=bytes(row.salt),
        opened_ms=row.opened_ms,
        refreshed_ms=row.refreshed_ms,
        ends_ms=row.ends_ms,
        access_ends_ms=row.access_ends_ms,
        number=row.number,
        made_for=None if row.made_for is None else bytes(row.made_for),
        revoked_ms=row.revoked_ms,
        ending=None if row.ending is None else Ending(row.ending),
    )


def _values(session: Session) -> dict[str, Any]:
    fixed = {
        "session_id": session.session_id,
        "account_id": session.account_id,
        "salt": session.salt,
        "opened_ms": session.opened_ms,
    }
    return fixed | _changing(session)


def _changing(session: Session) -> dict[str, Any]:
    return {
        "number": session.number,
        "made_for": session.made_for,
        "refreshed_ms": session.refreshed_ms,
        "ends_ms": session.ends_ms,
        "access_ends_ms": session.access_ends_ms,
        "revoked_ms": session.revoked_ms,
        "ending": None if session.ending is None else int(session.ending),
    }


_of_account = sessions.c.account_id == bindparam("account")
_is_open = sessions.c.revoked_ms.is_(None) & (sessions.c.ends_ms > bindparam("now_ms"))
_INSERT = Statement(sessions.insert())
_OWNER = Statement(
    sa.select(accounts.c.phone_sealed)
    .where(accounts.c.account_id == bindparam("account"))
    .with_for_update(read=True)
)
_LOCKED = Statement(
    sa.select(sessions).where(sessions.c.session_id == bindparam("session")).with_for_update()
)
_OPEN = Statement(
    sa.select(sessions)
    .where(_of_account, _is_open)
    .order_by(sessions.c.refreshed_ms, sessions.c.session_id)
    .with_for_update()
)
_UNREVOKED = Statement(
    sa.select(sessions)
    .where(
        _of_account,
        sessions.c.revoked_ms.is_(None),
        (sessions.c.ends_ms > bindparam("now_ms")) | (sessions.c.access_ends_ms > bindparam("now_ms")),
    )
    .order_by(sessions.c.session_id)
    .with_for_update()
)
_LISTED = Statement(
    sa.select(sessions)
    .where(
        _of_account,
        _is_open,
        (sessions.c.opened_ms < bindparam("before_ms"))
        | ((sessions.c.opened_ms == bindparam("before_ms")) & (sessions.c.session_id < bindparam("number"))),
    )
    .order_by(sessions.c.opened_ms.desc(), sessions.c.session_id.desc())
    .limit(bindparam("limit"))
)
_UPDATE = Statement(
    sessions.update()
    .where(sessions.c.session_id == bindparam("session"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "number",
                "made_for",
                "refreshed_ms",
                "ends_ms",
                "access_ends_ms",
                "revoked_ms",
                "ending",
            )
        }
    )
)
_is_forgettable = (sessions.c.ends_ms <= bindparam("now_ms")) & (
    sessions.c.access_ends_ms <= bindparam("now_ms")
)
_FORGETTABLE = Statement(sa.select(sessions.c.session_id).where(_is_forgettable).limit(bindparam("limit")))
_DELETE = Statement(sessions.delete().where(sessions.c.session_id == bindparam("number"), _is_forgettable))
