"""The outside channels that have confirmed a person, and the tier that they make together."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import bank_channels, people, schema
from services.identity.domain.bank_cards import Bank
from services.identity.domain.evidence import tier_of
from services.identity.domain.people import PersonId, Tier
from services.identity.domain.person_events import TierChanged
from services.mesh.database.statement import Statement

document_channels = sa.Table(
    "identity_document_channels",
    schema,
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("confirmed_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""People of whom the ID authority has confirmed photos with the document."""


def held_tier(connection: sa.Connection, person_id: PersonId) -> Tier:
    """The person's tier; until the commit nobody else changes what is known of the person."""
    person = _LOCK_PERSON.first(connection, {"person": person_id})
    assert person is not None, "people are never removed"  # noqa: S101 - an invariant
    return Tier(person.tier)


def confirm_bank(connection: sa.Connection, person_id: PersonId, bank: Bank, now_ms: int) -> None:
    """Counts a bank, once. To be called after `held_tier`."""
    if bank.code not in {row.bank_code for row in _BANKS.rows(connection, {"person": person_id})}:
        channel = {"person_id": person_id, "bank_code": bank.code, "confirmed_ms": now_ms}
        _INSERT_BANK.run(connection, channel)


def confirm_document(connection: sa.Connection, person_id: PersonId, now_ms: int) -> None:
    """Counts the ID authority, once. To be called after `held_tier`."""
    if not _DOCUMENTS.rows(connection, {"person": person_id}):
        _INSERT_DOCUMENT.run(connection, {"person_id": person_id, "confirmed_ms": now_ms})


def confirmed_by(connection: sa.Connection, person_id: PersonId) -> tuple[frozenset[str], bool]:
    """Codes of the banks that have confirmed the person, and whether the ID authority has."""
    wanted = {"person": person_id}
    banks = frozenset(row.bank_code for row in _BANKS.rows(connection, wanted))
    return banks, bool(_DOCUMENTS.rows(connection, wanted))


def counted(connection: sa.Connection, person_id: PersonId) -> tuple[int, int]:
    """How many banks have confirmed the person, and 1 or 0 for the ID authority."""
    banks, document = confirmed_by(connection, person_id)
    return len(banks), int(document)


def rise(
    connection: sa.Connection,
    feed: SqlPersonFeed,
    person_id: PersonId,
    tier: Tier,
    now_ms: int,
    trace_context: str,
) -> tuple[Tier, int]:
    """The tier that all channels together make, never below the one held; the feed's event of it, or 0."""
    risen = tier_of(*counted(connection, person_id))
    if risen <= tier:
        return tier, 0
    _RISE.run(connection, {"person": person_id, "risen": int(risen)})
    return risen, feed.add(connection, TierChanged(person_id, risen), now_ms, trace_context)


_LOCK_PERSON = Statement(
    sa.select(people.c.tier).where(people.c.person_id == bindparam("person")).with_for_update()
)
_BANKS = Statement(
    sa.select(bank_channels.c.bank_code).where(bank_channels.c.person_id == bindparam("person"))
)
_INSERT_BANK = Statement(bank_channels.insert())
_DOCUMENTS = Statement(
    sa.select(document_channels.c.person_id).where(document_channels.c.person_id == bindparam("person"))
)
_INSERT_DOCUMENT = Statement(document_channels.insert())
_RISE = Statement(
    people.update().where(people.c.person_id == bindparam("person")).values(tier=bindparam("risen"))
)
