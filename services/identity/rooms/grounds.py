"""What all rooms of identity stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.holdings import Holding
from services.identity.adapters.keys import open_identity_vault
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.revocations import SqlRevocations
from services.identity.adapters.sessions import SqlSessionStore
from services.identity.adapters.tokens import Ed25519Signer
from services.identity.adapters.vault import Vault
from services.identity.domain.attempts import AttemptLimit, Attempts
from services.identity.domain.registration import Registration
from services.identity.domain.sessions.login import Login
from services.identity.domain.sessions.session import SessionTerms
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
    registration: Registration
    revocations: SqlRevocations
    sessions: SqlSessionStore
    signer: Ed25519Signer
    login: Login
    reach: Reach | None
    """Other services; None where identity stands alone, as in some tests."""
    holdings: list[Holding] = field(default_factory=list)
    """What is kept of people: whoever keeps personal data adds what can be erased of it, and how."""


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
    registration = Registration(store, clock, draw_bits, keys.derive("login-secret"))
    revocations = SqlRevocations(database, clock)
    sessions = SqlSessionStore(database, revocations)
    signer = Ed25519Signer(
        keys,
        generation=settings.identity_token_generation,
        generations_kept=settings.identity_token_generations_kept,
    )
    refresh_key, terms = keys.derive("refresh-token"), _terms(settings)
    return Grounds(
        settings=settings,
        database=database,
        clock=clock,
        draw_bits=draw_bits,
        keys=keys,
        vault=vault,
        feed=feed,
        store=store,
        attempts=attempts,
        registration=registration,
        revocations=revocations,
        sessions=sessions,
        signer=signer,
        login=Login(registration, store, sessions, signer, clock, draw_bits, refresh_key, terms),
        reach=reach,
    )


def _terms(settings: IdentitySettings) -> SessionTerms:
    return SessionTerms(
        access_s=settings.identity_token_ttl_s,
        refresh_s=settings.identity_refresh_ttl_s,
        session_s=settings.identity_session_ttl_s,
        grace_s=settings.identity_refresh_grace_s,
        sessions_max=settings.identity_sessions_max,
    )
