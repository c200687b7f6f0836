"""What a journal file is made of: its tables, its pragmas, and how it comes to be."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

from services.mesh.journal.sqlite_generations import sync

PAGE_BYTES = 8192
"""Measured on payloads from 100 bytes to 20 KB: see README.md in this folder."""
CHECKPOINT_PAGES = 2_000
"""16 MB of write-ahead log between checkpoints, which are the commits that take long."""

SCHEMA_VERSION = 2
"""Kept in the file; a file that carries it has all of the tables below, with all of their columns."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    trace_context TEXT NOT NULL,
    payload BLOB NOT NULL,
    digest BLOB NOT NULL DEFAULT x''
);
CREATE TABLE IF NOT EXISTS fence (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL
);
INSERT OR IGNORE INTO fence (id, epoch) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS snapshot (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    state BLOB NOT NULL
);
"""


def create(path: Path) -> None:
    """Makes a journal's first file, and puts it in its place when it is complete.

    Who is frozen in the middle of it would otherwise hold a lock that keeps everybody from opening it.
    """
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}.new")
    with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
        prepare(connection)
    try:
        # Unlike a rename, this does not replace what somebody else has put there, and may have written to.
        path.hardlink_to(aside)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    sync(path.parent)


def prepare(connection: sqlite3.Connection) -> None:
    """Sets a connection up, and makes the tables and columns that are missing: what is new, or is old.

    Raises `sqlite3.DatabaseError` for a file that a newer release has made.
    """
    execute = connection.execute
    execute(f"PRAGMA page_size = {PAGE_BYTES}")
    execute("PRAGMA journal_mode = WAL")
    # FULL, not NORMAL: in WAL mode NORMAL does not sync on commit, and a power cut would take back what was
    # acknowledged.
    execute("PRAGMA synchronous = FULL")
    execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    version = execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        # Opening must not need the write lock: a frozen owner may have it.
        return
    if version > SCHEMA_VERSION:
        raise sqlite3.DatabaseError(
            f"the journal is of version {version}, made by a newer release; this one knows {SCHEMA_VERSION}"
        )
    execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.split(";"):
        execute(statement)
    columns = {column[1] for column in execute("PRAGMA table_info(records)")}
    if "digest" not in columns:
        # Version 1 knew no chain. SQLite adds a column with a default without touching the rows.
        execute("ALTER TABLE records ADD COLUMN digest BLOB NOT NULL DEFAULT x''")
    execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    execute("COMMIT")


def make_durable_folder(folder: Path) -> None:
    """Creates a folder and its parents so that they survive a power cut.

    SQLite syncs the folder that its files are in, but not the folders above, which are just as new.
    """
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync(path.parent)
