"""What settlement's journals are kept in: each test that asks for a storage runs on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.store import store_from_url
from tests.integration.settlement_mesh import SettlementMesh

__all__ = ["Storage", "storage"]


@dataclass(frozen=True, slots=True)
class Storage:
    """One kind of storage, empty."""

    url: str
    """As `journal_url` names it; empty for memory."""

    def mesh(self, **settings: Any) -> SettlementMesh:
        """A mesh on it. What the mesh leaves there is found by the next one."""
        if not self.url:
            return SettlementMesh(MemoryStore, **settings)
        return SettlementMesh(
            lambda values, _clock: store_from_url(self.url, values), journal_url=self.url, **settings
        )


@pytest.fixture(params=["memory", "sqlite", "postgres", "two databases"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Empty storage of each kind."""
    if request.param == "memory":
        return Storage("")
    if request.param == "sqlite":
        return Storage(f"sqlite:{tmp_path}")
    if request.param == "postgres":
        return Storage(request.getfixturevalue("postgres_url"))
    one, other = request.getfixturevalue("postgres_urls")
    return Storage(f"0={one},1={other}")
