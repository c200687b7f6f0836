"""Simulated providers and the store of photos, as settings have them."""

from __future__ import annotations

from pathlib import Path

from services.identity.adapters.banks import SimulatedBanks
from services.identity.adapters.photos.directory import DirectoryStore
from services.identity.adapters.photos.nowhere import NoStore
from services.identity.adapters.photos.objects import ObjectStore
from services.identity.adapters.registry import SimulatedRegistry
from services.identity.settings import IdentitySettings
from services.mesh.clock import Clock


def registry(settings: IdentitySettings, clock: Clock) -> SimulatedRegistry:
    """The population registry."""
    return SimulatedRegistry(
        clock,
        seed=settings.identity_registry_seed,
        latency_ms=settings.identity_registry_latency_ms,
        timeout_ms=settings.identity_registry_timeout_ms,
        questions_max=settings.identity_registry_questions_max,
    )


def banks(settings: IdentitySettings, clock: Clock) -> SimulatedBanks:
    """All banks."""
    return SimulatedBanks(
        clock,
        seed=settings.identity_registry_seed,
        latency_ms=settings.identity_bank_latency_ms,
        timeout_ms=settings.identity_bank_timeout_ms,
        questions_max=settings.identity_bank_questions_max,
    )


def objects(settings: IdentitySettings) -> ObjectStore:
    """Where photos are kept."""
    url, threads = settings.identity_photos_url, settings.identity_photos_threads
    if url is None:
        if not settings.database_url.startswith("sqlite:"):
            return NoStore()
        url = f"file:{settings.database_url.removeprefix('sqlite:')}/photos"
    if url.startswith("file:"):
        return DirectoryStore(Path(url.removeprefix("file:")), threads=threads)
    return _bucket(settings, url)


def _bucket(settings: IdentitySettings, url: str) -> ObjectStore:
    # Only who has a bucket pays for the library's start.
    from services.identity.adapters.photos.s3 import S3Place, S3Store  # noqa: PLC0415 - see above

    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    secret_key = settings.identity_photos_secret_key
    place = S3Place(
        bucket=bucket,
        prefix=f"{prefix.strip('/')}/" if prefix.strip("/") else "",
        endpoint=settings.identity_photos_endpoint,
        region=settings.identity_photos_region,
        access_key=settings.identity_photos_access_key,
        secret_key=None if secret_key is None else secret_key.get_secret_value(),
    )
    return S3Store(
        place,
        timeout_ms=settings.identity_photos_timeout_ms,
        tries=settings.identity_photos_tries,
        threads=settings.identity_photos_threads,
    )
