"""Accounts, people and cases in SQL."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from services.identity.adapters import case_rows, statements
from services.identity.adapters.ended_people import come_back
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.vault import RecordKey, Vault, account_record, person_record
from services.identity.domain.cases.case import Case
from services.identity.domain.errors import AccountUnknown, AlreadyVerifiedAsOther, RequestIdReused
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    Bearer,
    CaseNumber,
    FailedCheck,
    Person,
    PersonId,
    Standing,
    StoredSecret,
    Tier,
    Verified,
)
from services.identity.domain.person_events import PersonsMerged, PersonVerified
from services.identity.domain.privacy.errors import AccountErased
from services.identity.domain.resident_id import ResidentId
from services.mesh.database.database import Database
from services.mesh.database.statement import Row


class SqlAccountStore:
    """`AccountStore` over a `Database`. Personal data goes through the vault on its way in and out."""

    def __init__(self, database: Database, vault: Vault, feed: SqlPersonFeed) -> None:
        self._database = database
        self._vault = vault
        self._feed = feed

    async def register(self, account: Account, request_id: str) -> Account:
        """See `AccountStore.register`."""
        digest = hashlib.sha256(request_id.lower().encode()).digest()
        fingerprint = self._vault.fingerprint("register", account.phone, account.display_name)
        given = {"request_digest": digest, "input_fingerprint": fingerprint}

        def unit(connection: sa.Connection) -> Account:
            kept = statements.ACCOUNT_BY_REQUEST.first(connection, {"digest": digest})
            if kept is None:
                key = self._vault.new_key(connection, account_record(account.account_id))
                statements.INSERT_ACCOUNT.run(connection, _account_values(account, key) | given)
                return account
            if kept.input_fingerprint != fingerprint:
                raise RequestIdReused(request_id)
            return self._account(kept)

        return await self._database.write(unit)

    async def find(self, account_id: AccountId) -> Account | None:
        """See `AccountStore.find`."""
        return await self._database.read(lambda connection: self.find_within(connection, account_id))

    def find_within(self, connection: sa.Connection, account_id: AccountId) -> Account | None:
        """As `find`, in the caller's transaction."""
        row = statements.ACCOUNT.first(connection, {"account": account_id})
        return None if row is None else self._account(row)

    def of_person_within(
        self, connection: sa.Connection, person_id: PersonId, after: int, limit: int
    ) -> list[Account]:
        """Accounts of a person by rising number above `after`."""
        wanted = {"person": person_id, "after": after, "limit": limit}
        return [self._account(row) for row in statements.ACCOUNTS_OF_PERSON.rows(connection, wanted)]

    async def standing(self, account_id: AccountId, since_ms: int) -> Standing | None:
        """See `AccountStore.standing`."""

        def unit(connection: sa.Connection) -> Standing | None:
            wanted = {"account": account_id, "since_ms": since_ms}
            row = statements.STANDING.first(connection, wanted)
            return None if row is None else Standing(self._account(row), int(row.failed_checks))

        return await self._database.read(unit)

    async def bearer(self, account_id: AccountId, provisional_id: PersonId, now_ms: int) -> Bearer:
        """See `AccountStore.bearer`."""
        new = {"account_id": account_id, "person_id": provisional_id, "created_ms": now_ms}

        def unit(connection: sa.Connection) -> Bearer:
            # Locked first, and read after it: somebody may be verified at the same moment.
            if statements.LOCK.first(connection, {"account": account_id}) is None:
                raise AccountUnknown(account_id)
            account = self._account(statements.ACCOUNT.first(connection, {"account": account_id}))
            if account.erased:
                raise AccountErased(account_id)
            if account.bearer is not None:
                return account.bearer
            statements.INSERT_PROVISIONAL.run(connection, new)
            statements.USE_SECRET.run(connection, {"account": account_id})
            return Bearer(provisional_id, Tier.NONE)

        return await self._database.write(unit)

    async def tie(
        self, account_id: AccountId, person: Person, now_ms: int, trace_context: str = ""
    ) -> Verified:
        """See `AccountStore.tie`."""

        def unit(connection: sa.Connection) -> tuple[Verified, int]:
            return self.tie_within(connection, account_id, person, now_ms, trace_context)

        verified, seq = await self._database.write(unit)
        self._feed.announce(seq)
        return verified

    def tie_within(
        self,
        connection: sa.Connection,
        account_id: AccountId,
        person: Person,
        now_ms: int,
        trace_context: str,
    ) -> tuple[Verified, int]:
        """As `tie`, in the caller's transaction; also the event to announce after the commit, or 0."""
        fingerprint = self._vault.fingerprint("resident-id", person.resident_id.number)
        # Locked first, and read after it: the account may be verified twice at the same moment.
        if statements.LOCK.first(connection, {"account": account_id}) is None:
            raise AccountUnknown(account_id)
        # So may the person be erased, or purged: then the resident ID is nobody's after this.
        statements.HOLD_PERSON.first(connection, {"fingerprint": fingerprint})
        row = statements.PARTIES.first(connection, {"account": account_id, "fingerprint": fingerprint})
        assert row is not None, "accounts are never removed"  # noqa: S101 - an invariant
        if not row.phone_sealed:
            raise AccountErased(account_id)
        if row.tied_person_id not in (None, row.person_id):
            raise AlreadyVerifiedAsOther(account_id=account_id)
        kept = self._keep_person(connection, row, _numbered(person, row), fingerprint)
        verified, seq = Verified.by(kept, row.provisional_id), 0
        if row.tied_person_id is None:
            tied = {"account": account_id, "person": kept.person_id, "now_ms": now_ms}
            statements.TIE.run(connection, tied)
            if row.person_id is not None:
                come_back(connection, kept.person_id)
            seq = self._tell(connection, row, verified, now_ms, trace_context)
        if row.secret_was_used:  # Else this is the account's first check, and there is no case yet.
            case_rows.resolve_within(connection, account_id, now_ms, about_cards=False)
        return verified, seq

    async def open_case(self, failed: FailedCheck, case_number: CaseNumber, now_ms: int) -> Case:
        """See `AccountStore.open_case`."""

        def unit(connection: sa.Connection) -> Case:
            return self.open_case_within(connection, failed, case_number, now_ms)

        return await self._database.write(unit)

    def open_case_within(
        self, connection: sa.Connection, failed: FailedCheck, case_number: CaseNumber, now_ms: int
    ) -> Case:
        """As `open_case`, in the caller's transaction."""
        case, is_new = case_rows.open_within(connection, self._vault, failed, case_number, now_ms)
        if is_new:
            statements.USE_SECRET.run(connection, {"account": failed.account_id})
        return case

    async def find_case(self, account_id: AccountId, case_number: CaseNumber) -> Case | None:
        """See `AccountStore.find_case`."""

        def unit(connection: sa.Connection) -> Case | None:
            return case_rows.find(connection, self._vault, case_number, account_id)

        return await self._database.read(unit)

    def _tell(
        self, connection: sa.Connection, row: Row, verified: Verified, now_ms: int, trace_context: str
    ) -> int:
        """Adds what becomes known when an account is tied to the feed: the event's number, 0 for none."""
        person, seq = verified.person, 0
        if row.person_id is None:
            verified_event = PersonVerified(person.person_id, person.tier)
            seq = self._feed.add(connection, verified_event, now_ms, trace_context)
        if verified.merged_id is not None:
            merged = PersonsMerged(verified.merged_id, person.person_id)
            seq = self._feed.add(connection, merged, now_ms, trace_context)
        return seq

    def _keep_person(self, connection: sa.Connection, row: Row, person: Person, fingerprint: bytes) -> Person:
        if row.person_id is None:
            # Another replica may insert the same ID now: the unique column stops one, which then runs again.
            key = self._vault.new_key(connection, person_record(person.person_id))
            values = {
                "person_id": person.person_id,
                "resident_fingerprint": fingerprint,
                "resident_id_sealed": key.seal("resident_id", person.resident_id.number),
                "name_sealed": key.seal("name", person.name.text),
                "tier": int(person.tier),
            }
            statements.INSERT_PERSON.run(connection, values)
            return person
        kept = self._person(row)
        if kept.name != person.name:
            sealed = self._vault.seal(connection, person_record(kept.person_id), "name", person.name.text)
            statements.RENAME.run(connection, {"person": kept.person_id, "sealed": sealed})
        return Person(kept.person_id, person.name, kept.resident_id, kept.tier)

    def _account(self, row: Row) -> Account:
        number = AccountId(row.account_id)
        key = self._vault.opened(account_record(number), row.account_master, row.account_wrapped)
        return Account(
            account_id=number,
            phone=key.unseal("phone", row.phone_sealed),
            display_name=key.unseal("display_name", row.display_name_sealed),
            secret=StoredSecret(row.secret_salt, row.secret_digest),
            registered_ms=row.registered_ms,
            secret_was_used=bool(row.secret_was_used),
            person=None if row.person_id is None else self._person(row),
            verified_ms=row.verified_ms,
            provisional_id=None if row.provisional_id is None else PersonId(row.provisional_id),
        )

    def _person(self, row: Row) -> Person:
        number = PersonId(row.person_id)
        key = self._vault.opened(person_record(number), row.person_master, row.person_wrapped)
        return Person(
            person_id=number,
            name=PersonName(key.unseal("name", row.name_sealed)),
            resident_id=ResidentId(key.unseal("resident_id", row.resident_id_sealed)),
            tier=Tier(row.tier),
        )


def _account_values(account: Account, key: RecordKey) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "phone_sealed": key.seal("phone", account.phone),
        "display_name_sealed": key.seal("display_name", account.display_name),
        "secret_salt": account.secret.salt,
        "secret_digest": account.secret.digest,
        "secret_was_used": account.secret_was_used,
        "registered_ms": account.registered_ms,
    }


def _numbered(person: Person, row: Row) -> Person:
    """The person under the account's provisional number, if it has one: what was won stays theirs."""
    provisional_id = row.provisional_id
    return person if provisional_id is None else replace(person, person_id=PersonId(provisional_id))
