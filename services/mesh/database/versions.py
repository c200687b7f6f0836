"""Which version of its tables a PostgreSQL database should have, known without loading what migrates it.

Every process that opens a journal asks; only the first one after an upgrade has anything to do.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"


class MigrationFailed(Exception):
    """The tables could not be brought up to date; the message says why, in one line."""


@cache
def known_versions() -> tuple[str, ...]:
    """All versions that this program knows, oldest first: each is the name of its file."""
    return tuple(sorted(path.stem for path in (MIGRATIONS / "versions").glob("v*.py")))


def is_current(version: str | None) -> bool:
    """Whether tables of this version can be used as they are; None stands for no version at all.

    Migrations only add, so tables that a later release has made serve this one, too.
    """
    return version is not None and version not in known_versions()[:-1]


def is_newer(version: str) -> bool:
    """Whether a later release than this one has made the tables."""
    return version not in known_versions()
