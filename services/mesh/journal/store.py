"""Finding a journal store by its address."""

from __future__ import annotations

from pathlib import Path

from services.mesh.journal.port import JournalStore
from services.mesh.journal.postgres import PostgresStore
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.settings import MeshSettings


def store_from_url(url: str, settings: MeshSettings) -> JournalStore:
    """Opens the store that `journal_url` names: `sqlite:<folder>` or `postgresql://...`.

    Nothing is touched until the first journal is opened. Raises ValueError for any other address.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        return SqliteStore(Path(rest), settings)
    if scheme in {"postgresql", "postgres"}:
        return PostgresStore(url, settings)
    raise ValueError("a journal's address is sqlite:<folder> or postgresql://...")
