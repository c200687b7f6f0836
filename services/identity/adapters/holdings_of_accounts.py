"""What accounts, bank cards, cases and sessions keep of people."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.case_rows import erase_texts_within
from services.identity.adapters.case_tables import case_notes
from services.identity.adapters.holdings import Erased, Holding
from services.identity.adapters.revocations import SqlRevocations
from services.identity.adapters.session_tables import sessions
from services.identity.adapters.sessions import SqlSessionStore
from services.identity.adapters.tables import cases
from services.identity.adapters.vault import Vault, case_record
from services.identity.domain.people import AccountId, CaseNumber, PersonId
from services.identity.domain.privacy.erasures import DataCategory
from services.identity.domain.sessions.session import Ending
from services.mesh.database.statement import Statement


def profiles(store: SqlAccountStore) -> Holding:
    """Phone and display name: erasures themselves see to them."""

    def show(connection: sa.Connection, account_id: AccountId) -> Any:
        account = store.find_within(connection, account_id)
        assert account is not None, "it is being shown to its owner"  # noqa: S101 - an invariant
        return {
            "account_id": str(account.account_id),
            "display_name": account.display_name,
            "phone": account.phone,
            "registered_at": moment(account.registered_ms),
        }

    return Holding(DataCategory.PROFILE, show_account=show)


def identities(store: SqlAccountStore) -> Holding:
    """Name and resident ID, which the law has kept: purging sees to them."""

    def show(connection: sa.Connection, account_id: AccountId) -> Any:
        account = store.find_within(connection, account_id)
        if account is None or account.person is None:
            return None
        person = account.person
        return {
            "person_id": str(person.person_id),
            "name": person.name.text,
            "resident_id": person.resident_id.number,
            "tier": int(person.tier),
        }

    return Holding(DataCategory.IDENTITY, show_account=show)


def bank_cards(store: SqlCardStore) -> Holding:
    """Numbers and phones of bank cards."""

    def erase(connection: sa.Connection, person_id: PersonId, now_ms: int) -> Erased:
        return Erased(store.unbind_all_within(connection, person_id, now_ms))

    def show(connection: sa.Connection, person_id: PersonId) -> Any:
        return [
            {
                "bank_name": card.bank.name,
                "number": digits,
                "phone": card.phone,
                "bound_at": moment(card.bound_ms),
            }
            for card, digits in store.numbers_within(connection, person_id)
        ]

    return Holding(DataCategory.BANK_CARDS, erase_person=erase, show_person=show)


def case_texts(vault: Vault) -> Holding:
    """What was written to cases, and hashes of what was typed when they were opened."""

    def erase(connection: sa.Connection, account_id: AccountId, now_ms: int) -> Erased:
        erase_texts_within(connection, vault, account_id, now_ms)
        _FORGET_TYPED.run(connection, {"account": account_id, "nothing": bytes(32)})
        return Erased(len(_CASES.rows(connection, {"account": account_id})))

    def show(connection: sa.Connection, account_id: AccountId) -> Any:
        return [
            {
                "case_number": row.case_number,
                "reason": row.reason,
                "opened_at": moment(row.opened_ms),
                "notes": _notes(connection, vault, CaseNumber(row.case_number)),
            }
            for row in _CASES.rows(connection, {"account": account_id})
        ]

    return Holding(DataCategory.CASE_TEXTS, erase_account=erase, show_account=show)


def session_holding(store: SqlSessionStore, revocations: SqlRevocations) -> Holding:
    """Sessions, which end: their tokens are refused within seconds."""

    def erase(connection: sa.Connection, account_id: AccountId, now_ms: int) -> Erased:
        count, seq = store.revoke_all_within(connection, account_id, None, Ending.ERASED, now_ms)
        return Erased(count, lambda: revocations.announce(seq))

    def show(connection: sa.Connection, account_id: AccountId) -> Any:
        return [
            {"opened_at": moment(row.opened_ms), "refreshed_at": moment(row.refreshed_ms)}
            for row in _SESSIONS.rows(connection, {"account": account_id})
        ]

    return Holding(DataCategory.SESSIONS, erase_account=erase, show_account=show)


def moment(time_ms: int) -> str:
    """A time as people's documents carry it: ISO 8601, UTC."""
    return dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC).isoformat(timespec="milliseconds")


def _notes(connection: sa.Connection, vault: Vault, case_number: CaseNumber) -> list[dict[str, str]]:
    key = vault.look(connection, case_record(case_number))
    return [
        {"text": key.unseal(f"note/{row.number}", row.text_sealed), "added_at": moment(row.added_ms)}
        for row in _NOTES.rows(connection, {"number": case_number})
    ]


_CASES = Statement(
    sa.select(cases.c.case_number, cases.c.reason, cases.c.opened_ms)
    .where(cases.c.account_id == bindparam("account"))
    .order_by(cases.c.opened_ms, cases.c.case_number)
)
_FORGET_TYPED = Statement(
    cases.update()
    .where(cases.c.account_id == bindparam("account"))
    .values(check_fingerprint=bindparam("nothing"))
)
_NOTES = Statement(
    sa.select(case_notes.c.number, case_notes.c.text_sealed, case_notes.c.added_ms)
    .where(case_notes.c.case_number == bindparam("number"))
    .order_by(case_notes.c.number)
)
_SESSIONS = Statement(
    sa.select(sessions.c.opened_ms, sessions.c.refreshed_ms)
    .where(sessions.c.account_id == bindparam("account"), sessions.c.revoked_ms.is_(None))
    .order_by(sessions.c.opened_ms)
)
