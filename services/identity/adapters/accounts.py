"""Accounts, people and cases in SQL."""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.tables import accounts, cases, people
from services.identity.adapters.vault import Vault
from services.identity.domain.errors import AccountUnknown, AlreadyVerifiedAsOther, RequestIdReused
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    Case,
    CaseNumber,
    FailedCheck,
    Person,
    PersonId,
    Standing,
    StoredSecret,
    Tier,
)
from services.identity.domain.resident_id import ResidentId
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement


class SqlAccountStore:
    """`AccountStore` over a `Database`. Personal data goes through the vault on its way in and out."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def register(self, account: Account, request_id: str) -> Account:
        """See `AccountStore.register`."""
        digest = hashlib.sha256(request_id.lower().encode()).digest()
        fingerprint = self._vault.fingerprint("register", account.phone, account.display_name)
        values = self._account_values(account) | {"request_digest": digest, "input_fingerprint": fingerprint}

        def unit(connection: sa.Connection) -> Account:
            kept = _ACCOUNT_BY_REQUEST.first(connection, {"digest": digest})
            if kept is None:
                _INSERT_ACCOUNT.run(connection, values)
                return account
            if kept.input_fingerprint != fingerprint:
                raise RequestIdReused(request_id)
            return self._account(kept)

        return await self._database.write(unit)

    async def find(self, account_id: AccountId) -> Account | None:
        """See `AccountStore.find`."""

        def unit(connection: sa.Connection) -> Account | None:
            row = _ACCOUNT.first(connection, {"account": account_id})
            return None if row is None else self._account(row)

        return await self._database.read(unit)

    async def standing(self, account_id: AccountId, since_ms: int) -> Standing | None:
        """See `AccountStore.standing`."""

        def unit(connection: sa.Connection) -> Standing | None:
            wanted = {"account": account_id, "since_ms": since_ms}
            row = _STANDING.first(connection, wanted)
            return None if row is None else Standing(self._account(row), int(row.failed_checks))

        return await self._database.read(unit)

    async def tie(self, account_id: AccountId, person: Person, now_ms: int) -> Person:
        """See `AccountStore.tie`."""
        fingerprint = self._vault.fingerprint("resident-id", person.resident_id.number)

        def unit(connection: sa.Connection) -> Person:
            row = _LOCK.first(connection, {"account": account_id, "fingerprint": fingerprint})
            if row is None:
                raise AccountUnknown(account_id)
            kept = self._keep_person(connection, row, person, fingerprint)
            if row.tied_person_id is None:
                tied = {"account": account_id, "person": kept.person_id, "now_ms": now_ms}
                _TIE.run(connection, tied)
            elif row.tied_person_id != kept.person_id:
                raise AlreadyVerifiedAsOther(account_id=account_id)
            if row.secret_was_used:  # Else this is the account's first check, and there is no case yet.
                _RESOLVE.run(connection, {"account": account_id, "now_ms": now_ms})
            return kept

        return await self._database.write(unit)

    async def open_case(self, failed: FailedCheck, case_number: CaseNumber, now_ms: int) -> Case:
        """See `AccountStore.open_case`."""
        fingerprint = self._vault.fingerprint(
            "check", failed.reason, failed.step, failed.name, failed.resident_id
        )
        values = {
            "case_number": case_number,
            "account_id": failed.account_id,
            "reason": failed.reason,
            "step": failed.step,
            "check_fingerprint": fingerprint,
            "counts": failed.counts,
            "failures": 1,
            "opened_ms": now_ms,
            "failed_ms": now_ms,
            "resolved_ms": None,
        }

        def unit(connection: sa.Connection) -> Case:
            same = {"account": failed.account_id, "fingerprint": fingerprint}
            kept = _OPEN_CASE.first(connection, same)
            if kept is not None:
                _FAILED_AGAIN.run(connection, {"number": kept.case_number, "now_ms": now_ms})
                return _case(kept)
            _INSERT_CASE.run(connection, values)
            _USE_SECRET.run(connection, {"account": failed.account_id})
            return Case(case_number, failed.account_id, failed.reason, failed.step, now_ms, None)

        return await self._database.write(unit)

    async def find_case(self, account_id: AccountId, case_number: CaseNumber) -> Case | None:
        """See `AccountStore.find_case`."""

        def unit(connection: sa.Connection) -> Case | None:
            row = _CASE.first(connection, {"account": account_id, "number": case_number})
            return None if row is None else _case(row)

        return await self._database.read(unit)

    def _keep_person(self, connection: sa.Connection, row: Row, person: Person, fingerprint: bytes) -> Person:
        seal = self._vault.seal
        if row.person_id is None:
            # Another replica may insert the same ID now: the unique column stops one, which then runs again.
            values = {
                "person_id": person.person_id,
                "resident_fingerprint": fingerprint,
                "resident_id_sealed": seal(person.resident_id.number, "resident_id", person.person_id),
                "name_sealed": seal(person.name.text, "name", person.person_id),
                "tier": int(person.tier),
            }
            _INSERT_PERSON.run(connection, values)
            return person
        kept = self._person(row)
        if kept.name != person.name:
            sealed = seal(person.name.text, "name", kept.person_id)
            _RENAME.run(connection, {"person": kept.person_id, "sealed": sealed})
        return Person(kept.person_id, person.name, kept.resident_id, kept.tier)

    def _account_values(self, account: Account) -> dict[str, Any]:
        seal, number = self._vault.seal, account.account_id
        return {
            "account_id": number,
            "phone_sealed": seal(account.phone, "phone", number),
            "display_name_sealed": seal(account.display_name, "display_name", number),
            "secret_salt": account.secret.salt,
            "secret_digest": account.secret.digest,
            "secret_was_used": account.secret_was_used,
            "registered_ms": account.registered_ms,
        }

    def _account(self, row: Row) -> Account:
        unseal, number = self._vault.unseal, row.account_id
        return Account(
            account_id=AccountId(number),
            phone=unseal(row.phone_sealed, "phone", number),
            display_name=unseal(row.display_name_sealed, "display_name", number),
            secret=StoredSecret(row.secret_salt, row.secret_digest),
            registered_ms=row.registered_ms,
            secret_was_used=bool(row.secret_was_used),
            person=None if row.person_id is None else self._person(row),
            verified_ms=row.verified_ms,
        )

    def _person(self, row: Row) -> Person:
        unseal, number = self._vault.unseal, row.person_id
        return Person(
            person_id=PersonId(number),
            name=PersonName(unseal(row.name_sealed, "name", number)),
            resident_id=ResidentId(unseal(row.resident_id_sealed, "resident_id", number)),
            tier=Tier(row.tier),
        )


def _case(row: Row) -> Case:
    return Case(
        case_number=CaseNumber(row.case_number),
        account_id=AccountId(row.account_id),
        reason=row.reason,
        step=row.step,
        opened_ms=row.opened_ms,
        resolved_ms=row.resolved_ms,
    )


_with_person = sa.select(
    accounts, people.c.name_sealed, people.c.resident_id_sealed, people.c.tier
).select_from(accounts.outerjoin(people))
_account_alone = _with_person.where(accounts.c.account_id == bindparam("account"))
_ACCOUNT_BY_REQUEST = Statement(_with_person.where(accounts.c.request_digest == bindparam("digest")))
# The account, and whoever has the resident ID, in one look.
_LOCK = Statement(
    sa.select(accounts.c.person_id.label("tied_person_id"), accounts.c.secret_was_used, people)
    .select_from(accounts.outerjoin(people, people.c.resident_fingerprint == bindparam("fingerprint")))
    .where(accounts.c.account_id == bindparam("account"))
    .with_for_update(of=accounts)
)
_INSERT_ACCOUNT = Statement(accounts.insert())
_USE_SECRET = Statement(
    accounts.update().where(accounts.c.account_id == bindparam("account")).values(secret_was_used=True)
)
_TIE = Statement(
    accounts.update()
    .where(accounts.c.account_id == bindparam("account"))
    .values(person_id=bindparam("person"), verified_ms=bindparam("now_ms"), secret_was_used=True)
)
_INSERT_PERSON = Statement(people.insert())
_RENAME = Statement(
    people.update().where(people.c.person_id == bindparam("person")).values(name_sealed=bindparam("sealed"))
)
_FAILED_CHECKS = (
    sa.select(sa.func.coalesce(sa.func.sum(cases.c.failures), 0))
    .where(
        cases.c.account_id == bindparam("account"), cases.c.counts, cases.c.failed_ms >= bindparam("since_ms")
    )
    .scalar_subquery()
)
_ACCOUNT = Statement(_account_alone)
_STANDING = Statement(_account_alone.add_columns(_FAILED_CHECKS.label("failed_checks")))
_OPEN_CASE = Statement(
    sa.select(cases).where(
        cases.c.account_id == bindparam("account"),
        cases.c.check_fingerprint == bindparam("fingerprint"),
        cases.c.resolved_ms.is_(None),
    )
)
_CASE = Statement(
    sa.select(cases).where(
        cases.c.case_number == bindparam("number"), cases.c.account_id == bindparam("account")
    )
)
_INSERT_CASE = Statement(cases.insert())
_FAILED_AGAIN = Statement(
    cases.update()
    .where(cases.c.case_number == bindparam("number"))
    .values(failures=cases.c.failures + 1, failed_ms=bindparam("now_ms"))
)
_RESOLVE = Statement(
    cases.update()
    .where(cases.c.account_id == bindparam("account"), cases.c.resolved_ms.is_(None))
    .values(resolved_ms=bindparam("now_ms"))
)
