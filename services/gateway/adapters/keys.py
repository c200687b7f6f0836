"""The keys that check access tokens, as identity publishes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.gateway.settings import GatewaySettings
from services.mesh.background import start_background
from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger

Fetch = Callable[[], Awaitable[Mapping[str, bytes]]]
"""Reads the published keys: raw Ed25519 public keys by key id. Raises `ServiceError`."""
_log = get_logger("gateway.keys")


class KeyBook:
    """Keeps the published keys; reads them again now and then, and for key ids that it does not know."""

    def __init__(self, fetch: Fetch, settings: GatewaySettings, clock: Clock) -> None:
        self._fetch = fetch
        self._settings = settings
        self._clock = clock
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._on_withdrawal: list[Callable[[], None]] = []
        self._read_at_s = float("-inf")
        self._failure: ServiceError | None = None
        """Why the last reading came to nothing; None after one that did not."""
        self._reading: asyncio.Task[None] | None = None
        self._refresher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the keys were read once, however long that takes; then keeps reading them."""
        backoff = Backoff(self._settings.backoff_ms_min, self._settings.backoff_ms_max)
        while not self._keys:
            await self._read()
            if not self._keys:
                await self._clock.sleep(backoff.next_s())
        self._refresher = start_background(self._refresh(), "refresh token keys")

    async def close(self) -> None:
        """Ends the refreshing."""
        for task in (self._refresher, self._reading):
            if task is not None:
                task.cancel()

    def on_withdrawal(self, call: Callable[[], None]) -> None:
        """Has something called whenever a key is not published any more."""
        self._on_withdrawal.append(call)

    async def find(self, key_id: str) -> Ed25519PublicKey | None:
        """The key with this id. An unknown one has the keys read again, but not more often than allowed.

        None means that identity publishes no such key. When it could not be asked, what that failed with is
        raised instead: a good token of a new key, or one before the first keys, must not be refused.
        """
        key = self._keys.get(key_id)
        if key is not None:
            return key
        pause_s = self._settings.gateway_key_refresh_pause_ms / 1000
        if self._reading is not None or self._clock.monotonic_s() - self._read_at_s >= pause_s:
            await self._read()
        key = self._keys.get(key_id)
        if key is None and self._failure is not None:
            # One failure answers many tokens; its traceback must not grow with every raise.
            raise self._failure.with_traceback(None)
        return key

    async def _refresh(self) -> None:
        while True:
            await self._clock.sleep(self._settings.gateway_key_refresh_s)
            await self._read()

    async def _read(self) -> None:
        """Reads the keys, together with whoever does already."""
        if self._reading is None:
            self._reading = start_background(self._read_once(), "read token keys")
            self._reading.add_done_callback(self._forget_reading)
        # Shielded: whoever gives up waiting must not take the keys from the others.
        await asyncio.shield(self._reading)

    async def _read_once(self) -> None:
        self._read_at_s = self._clock.monotonic_s()
        try:
            published = await self._fetch()
        except ServiceError as error:
            # The keys at hand stay good: tokens must outlive an absence of identity.
            _log.warning("identity's keys could not be read", reason=error.reason)
            self._failure = error
            return
        self._failure = None
        withdrawn = self._keys.keys() - published.keys()
        self._keys = {key_id: Ed25519PublicKey.from_public_bytes(raw) for key_id, raw in published.items()}
        if withdrawn:
            _log.info("keys withdrawn", key_ids=sorted(withdrawn))
            for call in self._on_withdrawal:
                call()

    def _forget_reading(self, _task: asyncio.Task[None]) -> None:
        self._reading = None
