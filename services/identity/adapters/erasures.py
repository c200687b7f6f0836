"""Erasures in SQL: one transaction takes an account away, and the person with the last one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters import statements
from services.identity.adapters.channels import document_channels
from services.identity.adapters.ended_people import come_back
from services.identity.adapters.holdings import AfterCommit, Erased, Holding
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.privacy_tables import ended_people, erasures, removed_data
from services.identity.adapters.tables import accounts, bank_channels, people
from services.identity.adapters.vault import Vault, account_record, person_record
from services.identity.domain.errors import AccountUnknown
from services.identity.domain.people import AccountId, PersonId
from services.identity.domain.person_events import PersonErased
from services.identity.domain.privacy.erasures import DataCategory, Erasure, PersonEnd, Removed
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement

_FINGERPRINT_BYTES = 32


class SqlErasureStore:
    """`ErasureStore` over a `Database`."""

    def __init__(
        self, database: Database, vault: Vault, feed: SqlPersonFeed, holdings: Sequence[Holding]
    ) -> None:
        """`holdings` may still grow until the first call."""
        self._database = database
        self._vault = vault
        self._feed = feed
        self._holdings = holdings

    async def erase(
        self, account_id: AccountId, now_ms: int, kept_until_ms: int, trace_context: str
    ) -> Erasure:
        """See `ErasureStore.erase`."""

        def unit(connection: sa.Connection) -> tuple[Erasure, int, list[AfterCommit]]:
            # Locked first, and read after it: the account may be verified, or erased, at the same moment.
            if statements.LOCK.first(connection, {"account": account_id}) is None:
                raise AccountUnknown(account_id)
            kept = _found(connection, account_id)
            if kept is not None:
                return kept, 0, []
            row = statements.ACCOUNT.first(connection, {"account": account_id})
            assert row is not None, "accounts are never removed"  # noqa: S101 - an invariant
            erased = list(self._erase_account(connection, account_id, now_ms))
            person_id = row.person_id or row.provisional_id
            seq = 0
            if self._is_last(connection, account_id, row):
                erased += self._erase_person(connection, person_id, now_ms)
                if row.person_id is not None:
                    end = {"person_id": person_id, "ended_ms": now_ms, "kept_until_ms": kept_until_ms}
                    _END_PERSON.run(connection, end | {"purged_ms": None})
                seq = self._feed.add(connection, PersonErased(PersonId(person_id)), now_ms, trace_context)
            _keep(connection, account_id, row.person_id, erased, now_ms)
            erasure = _found(connection, account_id)
            assert erasure is not None, "it was just kept"  # noqa: S101 - an invariant
            return erasure, seq, [made.after_commit for _, made in erased if made.after_commit]

        erasure, seq, calls = await self._database.write(unit)
        self._feed.announce(seq)
        for call in calls:
            call()
        return erasure

    async def find(self, account_id: AccountId) -> Erasure | None:
        """See `ErasureStore.find`."""
        return await self._database.read(lambda connection: _found(connection, account_id))

    async def purge(self, now_ms: int, limit: int) -> int:
        """See `ErasureStore.purge`."""

        def unit(connection: sa.Connection) -> int:
            due = _DUE.rows(connection, {"now_ms": now_ms, "limit": limit})
            for row in due:
                self._purge(connection, PersonId(row.person_id), now_ms)
            return len(due)

        return await self._database.write(unit)

    async def export(self, account_id: AccountId) -> dict[str, Any]:
        """See `ErasureStore.export`."""

        def unit(connection: sa.Connection) -> dict[str, Any]:
            row = statements.ACCOUNT.first(connection, {"account": account_id})
            if row is None:
                raise AccountUnknown(account_id)
            person_id = row.person_id or row.provisional_id
            shown: dict[str, Any] = {}
            for holding in self._holdings:
                found = []
                if holding.show_account is not None:
                    found.append(holding.show_account(connection, account_id))
                if holding.show_person is not None and person_id is not None:
                    found.append(holding.show_person(connection, PersonId(person_id)))
                for part in filter(None, found):
                    shown[holding.category.name.lower()] = part
            return shown

        return await self._database.read(unit)

    def _is_last(self, connection: sa.Connection, account_id: AccountId, row: Row) -> bool:
        """Whether the account's person, if there is one, has no other account left."""
        if row.person_id is None:
            return row.provisional_id is not None
        # Accounts of one person that end at the same moment wait for each other here.
        _LOCK_PERSON.first(connection, {"person": row.person_id})
        others = {"person": row.person_id, "account": account_id}
        return _OTHER_ACCOUNT.first(connection, others) is None

    def _erase_account(
        self, connection: sa.Connection, account_id: AccountId, now_ms: int
    ) -> Iterator[tuple[DataCategory, Erased]]:
        _EMPTY_ACCOUNT.run(connection, {"account": account_id, "nothing": bytes(_FINGERPRINT_BYTES)})
        self._vault.erase(connection, account_record(account_id))
        yield DataCategory.PROFILE, Erased(1)
        for holding in self._holdings:
            if holding.erase_account is not None:
                yield holding.category, holding.erase_account(connection, account_id, now_ms)

    def _erase_person(
        self, connection: sa.Connection, person_id: int, now_ms: int
    ) -> Iterator[tuple[DataCategory, Erased]]:
        for holding in self._holdings:
            if holding.erase_person is not None:
                yield holding.category, holding.erase_person(connection, PersonId(person_id), now_ms)

    def _purge(self, connection: sa.Connection, person_id: PersonId, now_ms: int) -> None:
        _LOCK_PERSON.first(connection, {"person": person_id})
        if _OTHER_ACCOUNT.first(connection, {"person": person_id, "account": 0}) is not None:
            come_back(connection, person_id)
            return
        # Whatever a token that was still alive may have left behind in the seconds after the erasure.
        for _ in self._erase_person(connection, person_id, now_ms):
            pass
        # Random, because the column is unique: the resident ID belongs to nobody from now on.
        fingerprint = os.urandom(_FINGERPRINT_BYTES)
        _EMPTY_PERSON.run(connection, {"person": person_id, "nobody": fingerprint})
        for forget in _FORGET_CHANNELS:
            forget.run(connection, {"person": person_id})
        self._vault.erase(connection, person_record(person_id))
        _PURGED.run(connection, {"person": person_id, "now_ms": now_ms})


def _keep(
    connection: sa.Connection,
    account_id: AccountId,
    person_id: int | None,
    erased: Sequence[tuple[DataCategory, Erased]],
    now_ms: int,
) -> None:
    _INSERT.run(connection, {"account_id": account_id, "person_id": person_id, "requested_ms": now_ms})
    counts = Counter[DataCategory]()
    for category, made in erased:
        counts[category] += made.count
    for category, count in counts.items():
        if count:
            removed = {"category": int(category), "count": count, "removed_ms": now_ms}
            _INSERT_REMOVED.run(connection, {"account_id": account_id, **removed})


def _found(connection: sa.Connection, account_id: AccountId) -> Erasure | None:
    row = _FIND.first(connection, {"account": account_id})
    if row is None:
        return None
    removed = _REMOVED.rows(connection, {"account": account_id})
    end = None
    if row.ended_ms is not None:
        end = PersonEnd(row.ended_ms, row.kept_until_ms, row.purged_ms)
    return Erasure(
        account_id=account_id,
        person_id=None if row.person_id is None else PersonId(row.person_id),
        requested_ms=row.requested_ms,
        removed=tuple(Removed(DataCategory(one.category), one.count, one.removed_ms) for one in removed),
        end=end,
    )


_of_person = people.c.person_id == bindparam("person")
_FIND = Statement(
    sa.select(erasures, ended_people.c.ended_ms, ended_people.c.kept_until_ms, ended_people.c.purged_ms)
    .select_from(erasures.outerjoin(ended_people, ended_people.c.person_id == erasures.c.person_id))
    .where(erasures.c.account_id == bindparam("account"))
)
_REMOVED = Statement(
    sa.select(removed_data)
    .where(removed_data.c.account_id == bindparam("account"))
    .order_by(removed_data.c.category)
)
_INSERT = Statement(erasures.insert())
_INSERT_REMOVED = Statement(removed_data.insert())
_EMPTY_ACCOUNT = Statement(
    accounts.update()
    .where(accounts.c.account_id == bindparam("account"))
    .values(
        phone_sealed=b"",
        display_name_sealed=b"",
        input_fingerprint=bindparam("nothing"),
        secret_was_used=True,
    )
)
_LOCK_PERSON = Statement(sa.select(people.c.person_id).where(_of_person).with_for_update())
_OTHER_ACCOUNT = Statement(
    sa.select(accounts.c.account_id)
    .where(
        accounts.c.person_id == bindparam("person"),
        accounts.c.account_id != bindparam("account"),
        ~sa.exists().where(erasures.c.account_id == accounts.c.account_id),
    )
    .limit(1)
)
_END_PERSON = Statement(ended_people.insert())
_DUE = Statement(
    sa.select(ended_people.c.person_id)
    .where(ended_people.c.kept_until_ms <= bindparam("now_ms"), ended_people.c.purged_ms.is_(None))
    .order_by(ended_people.c.kept_until_ms)
    .limit(bindparam("limit"))
)
_PURGED = Statement(
    ended_people.update()
    .where(ended_people.c.person_id == bindparam("person"))
    .values(purged_ms=bindparam("now_ms"))
)
_EMPTY_PERSON = Statement(
    people.update()
    .where(_of_person)
    .values(resident_id_sealed=b"", name_sealed=b"", resident_fingerprint=bindparam("nobody"))
)
_FORGET_CHANNELS = tuple(
    Statement(table.delete().where(table.c.person_id == bindparam("person")))
    for table in (bank_channels, document_channels)
)
