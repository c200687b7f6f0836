"""Erasing what is kept of people, and the keys that it is kept under."""

from __future__ import annotations

from hongbao.identity.v1.privacy_pb2_grpc import (
    add_KeyServiceServicer_to_server,
    add_PrivacyServiceServicer_to_server,
)
from services.identity.adapters.erasures import SqlErasureStore
from services.identity.adapters.resealing import Resealing
from services.identity.adapters.tables import data_keys_of_identity
from services.identity.api.privacy import KeyApi, PrivacyApi
from services.identity.domain.privacy.privacy import Privacy
from services.identity.rooms.chores import come_round
from services.identity.rooms.grounds import Grounds
from services.mesh.keys.masters import KeysUnusable
from services.mesh.keys.rotation import Rotation
from services.mesh.logs import get_logger
from services.mesh.room import Room
from services.mesh.server import Service

_PACKAGE = "hongbao.identity.v1"
_log = get_logger("identity.keys")


def privacy(on: Grounds) -> Room:
    """The room of privacy. Whoever keeps personal data tells so in `Grounds.holdings` before it serves."""
    settings, clock = on.settings, on.clock
    store = SqlErasureStore(on.database, on.vault, on.feed, on.holdings)
    api = PrivacyApi(Privacy(store, on.store, clock, retention_days=settings.identity_retention_days))
    batch = settings.identity_keys_batch
    rotation = Rotation(on.database, data_keys_of_identity, on.vault, batch_keys=batch)
    resealing = Resealing(on.database, on.vault, batch_rows=batch)

    async def wrap_anew() -> int:
        try:
            wrapped = await rotation.step(clock.now_ms()) or await resealing.step()
        except KeysUnusable as failure:
            # Those that were given before serve on; somebody has to look after the file.
            _log.error("master keys are unusable", failure=str(failure))
            return 0
        if wrapped:
            await clock.sleep(settings.identity_keys_pause_ms / 1000)
        return wrapped

    async def purge() -> int:
        return await store.purge(clock.now_ms(), settings.identity_purge_people)

    wrapping, purging = "wrap keys anew", "purge who has been gone for long"
    keys_pause_s = settings.identity_keys_poll_ms / 1000
    return Room(
        (
            Service(f"{_PACKAGE}.PrivacyService", api, add_PrivacyServiceServicer_to_server),
            Service(f"{_PACKAGE}.KeyService", KeyApi(rotation), add_KeyServiceServicer_to_server),
        ),
        {
            wrapping: lambda: come_round(wrapping, clock, keys_pause_s, wrap_anew),
            purging: lambda: come_round(purging, clock, settings.identity_purge_pause_s, purge),
        },
    )
