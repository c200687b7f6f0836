"""Pairs written past the service into its own tables, and what they take there."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from services.cli.bench.postgres import Postgres
from services.cli.bench.social_graph import Graph

_ROWS_AT_ONCE = 100_000
_SINCE_MS = 1_454_846_400_000
_FRIENDS = 2
"""As the column of states says it."""
_COLUMNS = "low_person_id, high_person_id, state, asking_person_id, both_asked, changed_ms"
_INDEXES = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'social_relations' AND sql <> ''"
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Tables full of pairs."""

    load_s: float
    """Rows, indexes and counters together."""
    relation_bytes: int
    """Of relations with their indexes."""


def load_sqlite(file: Path, graph: Graph) -> Loaded:
    """Fills the tables that the service has made and is not asked about yet. Blocks."""
    begun_s = time.perf_counter()
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        before = _bytes(connection)
        # An index is built faster when all rows are there, and comes out without gaps.
        indexes = connection.execute(_INDEXES).fetchall()
        connection.execute("BEGIN IMMEDIATE")
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        insert = f"INSERT INTO social_relations ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - names alone
        for rows in _rows(graph, both_asked=0):
            connection.executemany(insert, rows)
        for _, statement in indexes:
            connection.execute(statement)
        connection.execute("COMMIT")
        relation_bytes = _bytes(connection) - before
        counts = zip(graph.people.tolist(), graph.friend_counts().tolist(), strict=True)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO social_people (person_id, friends, requests) VALUES (?, ?, 0)", counts
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("ANALYZE")
    finally:
        connection.close()
    return Loaded(time.perf_counter() - begun_s, relation_bytes)


async def load_postgres(server: Postgres, graph: Graph) -> Loaded:
    """Fills the tables that the service has made, by COPY."""
    begun_s = time.perf_counter()
    indexes = await _postgres_indexes(server)
    await server.run(
        *(f"DROP INDEX {name}" for name, _ in indexes),
        "ALTER TABLE social_relations DROP CONSTRAINT social_relations_pkey",
    )
    async with await psycopg.AsyncConnection.connect(server.url) as connection, connection.cursor() as cursor:
        async with cursor.copy(f"COPY social_relations ({_COLUMNS}) FROM STDIN".encode()) as copy:
            for rows in _rows(graph, both_asked=False):
                for row in rows:
                    await copy.write_row(row)
        await connection.commit()
    await server.run(
        "ALTER TABLE social_relations ADD PRIMARY KEY (low_person_id, high_person_id)",
        *(statement for _, statement in indexes),
    )
    took_s = time.perf_counter() - begun_s
    relation_bytes = await server.one("SELECT pg_total_relation_size('social_relations')")
    return Loaded(took_s, int(relation_bytes))


async def _postgres_indexes(server: Postgres) -> list[tuple[str, str]]:
    query = (
        "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE tablename = 'social_relations' AND indexname <> 'social_relations_pkey'"
    )
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        return [
            (str(name), str(statement))
            for name, statement in await (await connection.execute(query)).fetchall()
        ]


def _rows(graph: Graph, *, both_asked: Any) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(0, len(graph.lows), _ROWS_AT_ONCE):
        lows = graph.lows[start : start + _ROWS_AT_ONCE].tolist()
        highs = graph.highs[start : start + _ROWS_AT_ONCE].tolist()
        yield [
            (low, high, _FRIENDS, low, both_asked, _SINCE_MS) for low, high in zip(lows, highs, strict=True)
        ]


def _bytes(connection: sqlite3.Connection) -> int:
    pages = (
        connection.execute("PRAGMA page_count").fetchone()[0]
        - connection.execute("PRAGMA freelist_count").fetchone()[0]
    )
    return int(pages) * int(connection.execute("PRAGMA page_size").fetchone()[0])
