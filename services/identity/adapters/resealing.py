"""Rows from before records had keys of their own: each gets one, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.tables import accounts, bank_cards, people, schema
from services.identity.adapters.vault import Record, Vault, account_record, card_record, person_record
from services.identity.domain.people import AccountId, CardId, PersonId
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement

resealed = sa.Table(
    "identity_resealed",
    schema,
    # Name of a table.
    sa.Column("subject", sa.String(32), primary_key=True),
    # Every row up to this key has a data key.
    sa.Column("after_id", sa.BigInteger, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
)


@dataclass(frozen=True, slots=True)
class _Subject:
    name: str
    record: Callable[[int], Record]
    fields: Sequence[tuple[str, str]]
    """Columns, and the field that each is sealed to."""
    stretch: Statement
    update: Statement


class Resealing:
    """Walks through the tables that the first releases filled. Safe from several replicas at once."""

    def __init__(self, database: Database, vault: Vault, *, batch_rows: int) -> None:
        self._database = database
        self._vault = vault
        self._batch_rows = batch_rows
        self._done = False

    async def step(self) -> int:
        """Looks at the next rows; how many they were, 0 when all have been looked at."""
        if self._done:
            return 0
        looked_at = await self._database.write(self._step)
        self._done = looked_at == 0
        return looked_at

    def _step(self, connection: sa.Connection) -> int:
        for subject in _SUBJECTS:
            at = _AT.first(connection, {"name": subject.name})
            if at is None:
                _BEGIN.run(connection, {"subject": subject.name, "after_id": 0, "done": False})
            elif at.done:
                continue
            after = 0 if at is None else at.after_id
            rows = subject.stretch.rows(connection, {"after": after, "limit": self._batch_rows})
            for row in rows:
                self._reseal(connection, subject, row)
            last = rows[-1].row_id if rows else after
            _ADVANCE.run(connection, {"name": subject.name, "last": last, "ended": not rows})
            if rows:
                return len(rows)
        return 0

    def _reseal(self, connection: sa.Connection, subject: _Subject, row: Row) -> None:
        # Who was changed since the upgrade has a key, but fields that were not are still as before.
        kept = {column: getattr(row, column) for column, _ in subject.fields}
        if not all(kept.values()):
            return
        key = self._vault.key(connection, subject.record(row.row_id))
        values = {
            f"new_{column}": key.seal(field, key.unseal(field, kept[column]))
            for column, field in subject.fields
        }
        subject.update.run(connection, {"row": row.row_id, **values})


def _subject(table: sa.Table, record: Callable[[int], Record], fields: Sequence[tuple[str, str]]) -> _Subject:
    (key,) = table.primary_key.columns
    columns = [table.c[column] for column, _ in fields]
    stretch = sa.select(key.label("row_id"), *columns).where(key > bindparam("after"))
    update = table.update().where(key == bindparam("row"))
    return _Subject(
        table.name,
        record,
        fields,
        Statement(stretch.order_by(key).limit(bindparam("limit")).with_for_update()),
        Statement(update.values({column.name: bindparam(f"new_{column.name}") for column in columns})),
    )


_SUBJECTS = (
    _subject(
        accounts,
        lambda number: account_record(AccountId(number)),
        (("phone_sealed", "phone"), ("display_name_sealed", "display_name")),
    ),
    _subject(
        people,
        lambda number: person_record(PersonId(number)),
        (("resident_id_sealed", "resident_id"), ("name_sealed", "name")),
    ),
    _subject(
        bank_cards,
        lambda number: card_record(CardId(number)),
        (("number_sealed", "card_number"), ("phone_sealed", "card_phone")),
    ),
)
_AT = Statement(sa.select(resealed).where(resealed.c.subject == bindparam("name")).with_for_update())
_BEGIN = Statement(resealed.insert())
_ADVANCE = Statement(
    resealed.update()
    .where(resealed.c.subject == bindparam("name"))
    .values(after_id=bindparam("last"), done=bindparam("ended"))
)
