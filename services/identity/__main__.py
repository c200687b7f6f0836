"""Starts the identity service: `python -m services.identity`."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable

from hongbao.identity.v1.bank_card_pb2_grpc import add_BankCardServiceServicer_to_server
from hongbao.identity.v1.identity_pb2_grpc import add_IdentityServiceServicer_to_server
from hongbao.identity.v1.person_feed_pb2_grpc import add_PersonFeedServiceServicer_to_server
from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.banks import SimulatedBanks
from services.identity.adapters.earlier_people import tell_of_earlier_people
from services.identity.adapters.keys import KeyFileUnusable, KeyRing
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.registry import SimulatedRegistry
from services.identity.adapters.tables import schema
from services.identity.adapters.tokens import Ed25519Signer
from services.identity.adapters.vault import Vault
from services.identity.api.accounts import IdentityApi
from services.identity.api.bank_cards import BankCardApi
from services.identity.api.person_feed import PersonFeedApi
from services.identity.domain.attempts import AttemptLimit, Attempts
from services.identity.domain.binding import CardBinding
from services.identity.domain.registration import Registration
from services.identity.domain.verification import Verification
from services.identity.settings import IdentitySettings
from services.mesh.clock import Clock, SystemClock
from services.mesh.database.database import Database
from services.mesh.logs import start_logging
from services.mesh.member import serve_as_member
from services.mesh.server import MeshServer, Service, StartFailed, run
from services.mesh.settings import load
from services.mesh.telemetry import start_telemetry


def wire(
    settings: IdentitySettings,
    database: Database,
    clock: Clock,
    draw_bits: Callable[[int], int] = secrets.randbits,
) -> tuple[Service, ...]:
    """The contract's services on a database. Raises `KeyFileUnusable`."""
    keys = _keys(settings)
    vault, feed = Vault(keys), SqlPersonFeed(database, clock)
    store = SqlAccountStore(database, vault, feed)
    cards = SqlCardStore(database, vault, feed, cards_max=settings.identity_cards_max)
    signer = Ed25519Signer(
        keys,
        generation=settings.identity_token_generation,
        generations_kept=settings.identity_token_generations_kept,
        ttl_s=settings.identity_token_ttl_s,
    )
    registry = SimulatedRegistry(
        clock,
        seed=settings.identity_registry_seed,
        latency_ms=settings.identity_registry_latency_ms,
        timeout_ms=settings.identity_registry_timeout_ms,
        questions_max=settings.identity_registry_questions_max,
    )
    banks = SimulatedBanks(
        clock,
        seed=settings.identity_registry_seed,
        latency_ms=settings.identity_bank_latency_ms,
        timeout_ms=settings.identity_bank_timeout_ms,
        questions_max=settings.identity_bank_questions_max,
    )
    limit = AttemptLimit(settings.identity_failed_checks_max, settings.identity_failed_checks_window_s)
    attempts = Attempts(store, clock, draw_bits, limit)
    registration = Registration(store, signer, clock, draw_bits, keys.derive("login-secret"))
    verification = Verification(store, registry, attempts, clock, draw_bits)
    binding = CardBinding(cards, banks, registration, attempts, clock, draw_bits)
    accounts_api = IdentityApi(registration, verification, signer.verifying_keys)
    package = "hongbao.identity.v1"
    return (
        Service(f"{package}.IdentityService", accounts_api, add_IdentityServiceServicer_to_server),
        Service(f"{package}.BankCardService", BankCardApi(binding), add_BankCardServiceServicer_to_server),
        Service(
            f"{package}.PersonFeedService",
            PersonFeedApi(feed, settings, clock),
            add_PersonFeedServiceServicer_to_server,
        ),
    )


async def main() -> None:
    """Runs until a signal, then leaves the directory, drains and stops."""
    settings, clock = load(IdentitySettings), SystemClock()
    start_logging(settings, "identity")
    async with contextlib.AsyncExitStack() as stack:
        telemetry = start_telemetry(settings, "identity")
        stack.callback(telemetry.shutdown)
        database = await Database.open(settings, schema)
        stack.push_async_callback(database.close)
        await tell_of_earlier_people(database, SqlPersonFeed(database, clock), clock.now_ms())
        try:
            services = wire(settings, database, clock)
        except KeyFileUnusable as failure:
            raise StartFailed(f"identity: {failure}") from None
        server = MeshServer(settings, "identity", services, telemetry=telemetry, clock=clock)
        await serve_as_member(server, settings, clock)


def _keys(settings: IdentitySettings) -> KeyRing:
    if settings.identity_key is not None:
        return KeyRing.from_hex(settings.identity_key.get_secret_value())
    if settings.key_file is None:
        raise KeyFileUnusable("neither a key nor a key file is set")
    return KeyRing.from_file(settings.key_file)


if __name__ == "__main__":
    run(main)
