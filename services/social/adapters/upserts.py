"""Adding to a row that may not be there yet. The databases spell it alike; SQLAlchemy has a word for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


class InsertOrAdd:
    """Inserts a row of numbers, or adds them to the row with the same key, and tells the totals.

    The row stays locked until the transaction ends.
    """

    def __init__(self, table: sa.Table) -> None:
        (key,) = table.primary_key.columns
        totals = [column for column in table.columns if not column.primary_key]
        self._statements: dict[str, sa.sql.dml.ReturningInsert[Any]] = {}
        for dialect in (postgresql, sqlite):
            statement = dialect.insert(table)
            added = {total: total + statement.excluded[total.name] for total in totals}
            upsert = statement.on_conflict_do_update(index_elements=[key], set_=added)
            self._statements[dialect.dialect.name] = upsert.returning(*totals)

    def execute(self, connection: sa.Connection, row: Mapping[str, int]) -> sa.Row[Any]:
        """The totals after adding."""
        return connection.execute(self._statements[connection.dialect.name], row).one()
