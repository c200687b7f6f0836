"""The statements of `accounts`: each compiled once for each kind of database."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.tables import (
    accounts,
    cases,
    data_keys_of_identity,
    people,
    provisional_people,
)
from services.identity.adapters.vault import Kind
from services.mesh.database.statement import Statement

# Keys come along with what they open. Kinds are written out, so that nobody has to give them.
_account_keys = data_keys_of_identity.data_keys.alias("account_keys")
_person_keys = data_keys_of_identity.data_keys.alias("person_keys")
_key_of_account = (_account_keys.c.kind == sa.literal_column(str(int(Kind.ACCOUNT)))) & (
    _account_keys.c.record_id == accounts.c.account_id
)
_key_of_person = (_person_keys.c.kind == sa.literal_column(str(int(Kind.PERSON)))) & (
    _person_keys.c.record_id == people.c.person_id
)
_columns_of_account_key = (
    _account_keys.c.master_id.label("account_master"),
    _account_keys.c.wrapped.label("account_wrapped"),
)
_columns_of_person_key = (
    _person_keys.c.master_id.label("person_master"),
    _person_keys.c.wrapped.label("person_wrapped"),
)
_with_person = sa.select(
    accounts,
    people.c.name_sealed,
    people.c.resident_id_sealed,
    people.c.tier,
    provisional_people.c.person_id.label("provisional_id"),
    *_columns_of_account_key,
    *_columns_of_person_key,
).select_from(
    accounts.outerjoin(people, accounts.c.person_id == people.c.person_id)
    .outerjoin(provisional_people)
    .outerjoin(_account_keys, _key_of_account)
    .outerjoin(_person_keys, _key_of_person)
)
_account_alone = _with_person.where(accounts.c.account_id == bindparam("account"))
ACCOUNT_BY_REQUEST = Statement(_with_person.where(accounts.c.request_digest == bindparam("digest")))
# The account, and whoever has the resident ID, in one look.
PARTIES = Statement(
    sa.select(
        accounts.c.person_id.label("tied_person_id"),
        accounts.c.secret_was_used,
        accounts.c.phone_sealed,
        provisional_people.c.person_id.label("provisional_id"),
        people,
        *_columns_of_person_key,
    )
    .select_from(
        accounts.outerjoin(people, people.c.resident_fingerprint == bindparam("fingerprint"))
        .outerjoin(provisional_people, provisional_people.c.account_id == accounts.c.account_id)
        .outerjoin(_person_keys, _key_of_person)
    )
    .where(accounts.c.account_id == bindparam("account"))
)
LOCK = Statement(
    sa.select(accounts.c.account_id).where(accounts.c.account_id == bindparam("account")).with_for_update()
)
HOLD_PERSON = Statement(
    sa.select(people.c.person_id)
    .where(people.c.resident_fingerprint == bindparam("fingerprint"))
    .with_for_update()
)
IS_ERASED = Statement(
    sa.select(accounts.c.account_id).where(
        accounts.c.account_id == bindparam("account"),
        accounts.c.phone_sealed == sa.literal(b"", sa.LargeBinary),
    )
)
INSERT_PROVISIONAL = Statement(provisional_people.insert())
INSERT_ACCOUNT = Statement(accounts.insert())
USE_SECRET = Statement(
    accounts.update().where(accounts.c.account_id == bindparam("account")).values(secret_was_used=True)
)
TIE = Statement(
    accounts.update()
    .where(accounts.c.account_id == bindparam("account"))
    .values(person_id=bindparam("person"), verified_ms=bindparam("now_ms"), secret_was_used=True)
)
INSERT_PERSON = Statement(people.insert())
RENAME = Statement(
    people.update().where(people.c.person_id == bindparam("person")).values(name_sealed=bindparam("sealed"))
)
FAILED_CHECKS = (
    sa.select(sa.func.coalesce(sa.func.sum(cases.c.failures), 0))
    .where(
        cases.c.account_id == bindparam("account"), cases.c.counts, cases.c.failed_ms >= bindparam("since_ms")
    )
    .scalar_subquery()
)
ACCOUNT = Statement(_account_alone)
# Whoever is verified behind an account.
HOLDER = Statement(
    sa.select(people.c.person_id, people.c.tier)
    .select_from(people.join(accounts, accounts.c.person_id == people.c.person_id))
    .where(accounts.c.account_id == bindparam("account"))
)
ACCOUNTS_OF_PERSON = Statement(
    _with_person.where(
        accounts.c.person_id == bindparam("person"), accounts.c.account_id > bindparam("after")
    )
    .order_by(accounts.c.account_id)
    .limit(bindparam("limit"))
)
STANDING = Statement(_account_alone.add_columns(FAILED_CHECKS.label("failed_checks")))
