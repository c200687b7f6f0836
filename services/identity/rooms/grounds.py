"""What all rooms of identity stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.keys import open_identity_vault
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.vault import Vault
from services.identity.domain.attempts import AttemptLimit, Attempts
from services.identity.settings import IdentitySettings
from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.keys.purposes import PurposeKeys
from services.mesh.reach import Reach


@dataclass(frozen=True, slots=True)
class Grounds:
    """Made once for the process; rooms are built on it."""

    settings: IdentitySettings
    database: Database
    clock: Clock
    draw_bits: Callable[[int], int]
    keys: PurposeKeys
    """Keys of other purposes than sealing, derived from a root secret that stays when master keys rotate."""
    vault: Vault
    feed: SqlPersonFeed
    store: SqlAccountStore
    attempts: Attempts
    reach: Reach | None
    """Other services; None where identity stands alone, as in some tests."""


def lay(
    settings: IdentitySettings,
    database: Database,
    clock: Clock,
    draw_bits: Callable[[int], int],
    reach: Reach | None,
) -> Grounds:
    """Puts the grounds together, once the database opens under the master keys. Raises `KeysUnusable`."""
    vault, keys = open_identity_vault(database, settings, clock.now_ms())
    feed = SqlPersonFeed(database, clock)
    store = SqlAccountStore(database, vault, feed)
    limit = AttemptLimit(settings.identity_failed_checks_max, settings.identity_failed_checks_window_s)
    attempts = Attempts(store, clock, draw_bits, limit)
    return Grounds(settings, database, clock, draw_bits, keys, vault, feed, store, attempts, reach)
