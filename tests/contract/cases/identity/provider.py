"""The real identity service, on a SQLite file of the case's own.

Actions: `people_of` has everybody who comes from then on belong to a shard among so many, `reference` tells
under which reference an application's first question was asked, `photos_away` takes the place of photos away.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.identity.__main__ import wire
from services.identity.adapters.tables import schema
from services.identity.domain.people import ID_BITS
from services.identity.domain.verifying.checks import CheckKind, reference_of
from services.identity.settings import IdentitySettings
from services.mesh.database.database import Database
from services.mesh.room import at_work, services_of
from services.mesh.shards.hashing import shard_of
from tests.contract.bench import Action, Bench, Provider


@asynccontextmanager
async def provide(bench: Bench) -> AsyncIterator[Provider]:
    settings = bench.settings(
        IdentitySettings,
        identity_registry_timeout_ms=100,
        identity_failed_checks_max=2,
        identity_purge_pause_s=1,
        identity_cards_max=4,
        identity_case_notes_max=2,
        identity_sessions_max=2,
        identity_bank_timeout_ms=100,
        identity_credit_consents_max=2,
        identity_credit_queries_max=3,
        identity_credit_loans_max=2,
        identity_applications_max=2,
        identity_submissions_max=2,
        identity_evidence_max=6,
        identity_desk_tries_max=2,
        identity_desk_pause_ms=100,
        identity_authority_timeout_ms=100,
    )
    drawing = Drawing()
    database = await Database.open(settings, schema)
    try:
        rooms = wire(settings, database, bench.clock, drawing)
        async with at_work(rooms):
            address = await bench.serve("identity", services_of(rooms), settings)
            actions: dict[str, Action] = {
                "people_of": drawing.of_shard,
                "reference": first_reference,
                "photos_away": lambda: (bench.folder / "photos").write_text("in the way"),
            }
            yield Provider(address, actions=actions)
    finally:
        await database.close()


def first_reference(verification: str, check: str) -> dict[str, str]:
    kind = CheckKind[check.upper()]
    return {"reference": reference_of(int(verification), kind, ordinal=1, attempt=1)}


class Drawing:
    """Draws numbers, those of people (and of everything else with 63 bits) for a shard that can be chosen."""

    def __init__(self) -> None:
        self._shard, self._shard_count = 0, 1

    def of_shard(self, shard: int, shard_count: int) -> None:
        self._shard, self._shard_count = shard, shard_count

    def __call__(self, bits: int) -> int:
        drawn = secrets.randbits(bits)
        while bits == ID_BITS and shard_of(drawn, self._shard_count) != self._shard:
            drawn = secrets.randbits(bits)
        return drawn
