"""Adding to a row that may not be there yet. The databases spell it alike; SQLAlchemy has a word for each."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.mesh.database.statement import Row, Statement


class InsertOrAdd:
    """Inserts a row of numbers, or adds them to the row with the same key, and tells the totals.

    The row stays locked until the transaction ends.
    """

    def __init__(self, table: sa.Table) -> None:
        (key,) = table.primary_key.columns
        totals = [column for column in table.columns if not column.primary_key]
        self._statements: dict[str, Statement] = {}
        for dialect in (postgresql, sqlite):
            statement = dialect.insert(table)
            added = {total: total + statement.excluded[total.name] for total in totals}
            upsert = statement.on_conflict_do_update(index_elements=[key], set_=added)
            self._statements[dialect.dialect.name] = Statement(upsert.returning(*totals))

    def execute(self, connection: sa.Connection, row: Mapping[str, int]) -> Row:
        """The totals after adding."""
        return self._statements[connection.dialect.name].first(connection, row)
