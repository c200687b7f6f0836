"""Statements on the hot path: written in SQLAlchemy, compiled once, then given straight to the driver.

Executing through SQLAlchemy costs several times what SQLite needs for a row by its key. A service's few hot
statements have fixed shapes, so the work can be done once for each kind of database.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Row = Any
"""A named tuple with the statement's columns, as the driver gives them: SQLite's booleans are 0 and 1."""


class Statement:
    """A statement with named parameters; every call must give the same names.

    The driver's own errors come through: `Database` treats them as it treats SQLAlchemy's. Parameters that
    stand for lists are not supported.
    """

    def __init__(self, clause: sa.ClauseElement) -> None:
        self._clause = clause
        self._compiled: dict[str, _Compiled] = {}

    def first(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> Row | None:
        """The first row, or None. For statements that give at most one."""
        compiled, cursor = self._executed(connection, parameters)
        try:
            found = cursor.fetchone()
            return None if found is None else compiled.row(cursor)(found)
        finally:
            cursor.close()

    def rows(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """All rows."""
        compiled, cursor = self._executed(connection, parameters)
        try:
            found = cursor.fetchall()
            return list(map(compiled.row(cursor), found)) if found else ()
        finally:
            cursor.close()

    def run(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> None:
        """For statements that give no rows."""
        _, cursor = self._executed(connection, parameters)
        cursor.close()

    def _executed(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> tuple[_Compiled, Any]:
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self._clause, dialect, parameters)
        driver_connection = connection.connection.dbapi_connection
        assert driver_connection is not None, "a connection in use has a driver's"  # noqa: S101 - an invariant
        cursor = driver_connection.cursor()
        try:
            cursor.execute(compiled.text, compiled.bind(parameters))
        except BaseException:
            cursor.close()
            raise
        return compiled, cursor


@dataclass(slots=True)
class _Compiled:
    text: str
    fixed: Mapping[str, Any]
    """Parameters that the statement itself has, such as a constant that it sets."""
    order: Sequence[str] | None
    """Names by position, for a driver that knows parameters by position only."""
    make_row: Callable[[Sequence[Any]], Row] | None = None

    def bind(self, parameters: Mapping[str, Any]) -> Any:
        given = {**self.fixed, **parameters}
        return given if self.order is None else [given[name] for name in self.order]

    def row(self, cursor: Any) -> Callable[[Sequence[Any]], Row]:
        # Several threads may come here first at once; they make the same.
        if self.make_row is None:
            names = [column[0] for column in cursor.description]
            kind: Any = namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024 - its columns are known at run time only
            self.make_row = kind._make
        return self.make_row


def _compile(clause: sa.ClauseElement, dialect: sa.Dialect, parameters: Mapping[str, Any]) -> _Compiled:
    compiled = clause.compile(dialect=dialect, column_keys=sorted(parameters))
    assert isinstance(compiled, sa.sql.compiler.SQLCompiler)  # noqa: S101 - statements compile to this
    fixed = {name: value for name, value in compiled.params.items() if name not in parameters}
    order = compiled.positiontup if compiled.positional else None
    return _Compiled(str(compiled), fixed, order)
