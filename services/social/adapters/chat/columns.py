"""Rows of many at once: lists of numbers go to the database as one JSON parameter and come out as a table.

So a batch of hundreds of messages is a handful of statements, and rows are locked in the order of their keys,
whichever replica writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from services.mesh.database.statement import Row, Statement


class Columns:
    """A statement over a table of whole numbers that is given with it.

    `{rows}` in the text stands for that table as a query, in the order of its columns.
    """

    def __init__(self, text: str, *names: str) -> None:
        """`names` are the table's columns, each followed by ` ordered` when rows come in its order."""
        plain = [name.removesuffix(" ordered") for name in names]
        places = [str(number) for number, name in enumerate(names, 1) if name.endswith(" ordered")]
        order = f" ORDER BY {', '.join(places)}" if places else ""
        sqlite = ", ".join(f"json_extract(value, '$[{index}]') AS {name}" for index, name in enumerate(plain))
        postgresql = ", ".join(
            f"CAST(listed ->> {index} AS BIGINT) AS {name}" for index, name in enumerate(plain)
        )
        # Without WHERE, SQLite takes the ON of ON CONFLICT for that of a join.
        rows = {
            "sqlite": f"SELECT {sqlite} FROM json_each(:rows) WHERE true{order}",  # noqa: S608 - our own words
            "postgresql": f"SELECT {postgresql} FROM json_array_elements(CAST(:rows AS json))"  # noqa: S608
            f" AS given(listed) WHERE true{order}",
        }
        self._statements = {
            dialect: Statement(sa.text(text.format(rows=query))) for dialect, query in rows.items()
        }

    def run(self, connection: sa.Connection, rows: Iterable[Sequence[int]], **more: Any) -> None:
        """For statements that give no rows."""
        self._of(connection).run(connection, {"rows": json.dumps(list(rows)), **more})

    def rows(self, connection: sa.Connection, rows: Iterable[Sequence[int]], **more: Any) -> Sequence[Row]:
        """All rows that the statement gives."""
        return self._of(connection).rows(connection, {"rows": json.dumps(list(rows)), **more})

    def _of(self, connection: sa.Connection) -> Statement:
        return self._statements[connection.dialect.name]
