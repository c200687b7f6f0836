"""Photos in a store of objects, each encrypted under a data key of its own before it leaves the process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from sqlalchemy import bindparam

from services.identity.adapters.photos.objects import ObjectMissing, ObjectStore
from services.identity.adapters.vault import RecordKey, Vault, photo_record
from services.identity.adapters.verifying_rows import LOOSEN
from services.identity.adapters.verifying_tables import loose_photos
from services.identity.domain.verifying.photos import Photo
from services.identity.domain.verifying.ports import PhotoGone
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement

_FIELD = "photo"


class SealedPhotos:
    """`Photos` over a `Database`, for keys and for what is to be removed, and an `ObjectStore`."""

    def __init__(self, database: Database, vault: Vault, objects: ObjectStore, *, grace_ms: int) -> None:
        """`grace_ms`: how long a photo may be kept before an application refers to it."""
        self._database = database
        self._vault = vault
        self._objects = objects
        self._grace_ms = grace_ms

    def digest(self, content: bytes) -> bytes:
        """See `Photos.digest`."""
        return self._vault.fingerprint("photo", hashlib.sha256(content).hexdigest())

    async def keep(self, photo: Photo, content: bytes, now_ms: int) -> None:
        """See `Photos.keep`."""

        def unit(connection: sa.Connection) -> RecordKey:
            # On record before it is anywhere: whatever happens next, it is removed in the end or referred to.
            if _LOOSE.first(connection, {"photo": photo.photo_id}) is None:
                LOOSEN.run(connection, {"photo_id": photo.photo_id, "remove_ms": now_ms + self._grace_ms})
            return self._vault.key(connection, photo_record(photo.photo_id))

        key = await self._database.write(unit)
        sealed = await asyncio.to_thread(key.seal_bytes, _FIELD, content)
        await self._objects.put(self._name(photo.photo_id), sealed)

    async def read(self, photo: Photo) -> bytes:
        """See `Photos.read`."""
        key = await self._database.read(
            lambda connection: self._vault.look(connection, photo_record(photo.photo_id))
        )
        try:
            sealed = await self._objects.get(self._name(photo.photo_id))
            return await asyncio.to_thread(key.unseal_bytes, _FIELD, sealed)
        except (ObjectMissing, InvalidTag):
            raise PhotoGone from None

    async def sweep(self, now_ms: int, limit: int) -> int:
        """Removes photos that nothing refers to and whose time has come, keys included; how many.

        Safe from several replicas at once, and again. Raises `ObjectStoreUnavailable`; then it goes on later.
        """

        def due(connection: sa.Connection) -> Sequence[int]:
            rows = _DUE.rows(connection, {"now_ms": now_ms, "limit": limit})
            return [row.photo_id for row in rows]

        photo_ids = await self._database.read(due)
        for photo_id in photo_ids:
            await self._objects.delete(self._name(photo_id))
            await self._forget(photo_id)
        return len(photo_ids)

    async def close(self) -> None:
        """Lets go of the store of objects."""
        await self._objects.close()

    async def _forget(self, photo_id: int) -> None:
        def unit(connection: sa.Connection) -> None:
            self._vault.erase(connection, photo_record(photo_id))
            _FORGET.run(connection, {"photo": photo_id})

        await self._database.write(unit)

    def _name(self, photo_id: int) -> str:
        """Where the photo is: whoever sees the store alone learns nothing, not even which belong together."""
        return self._vault.fingerprint("photo-object", str(photo_id)).hex()


_of_photo = loose_photos.c.photo_id == bindparam("photo")
_LOOSE = Statement(sa.select(loose_photos.c.photo_id).where(_of_photo))
_DUE = Statement(
    sa.select(loose_photos.c.photo_id)
    .where(loose_photos.c.remove_ms <= bindparam("now_ms"))
    .order_by(loose_photos.c.remove_ms)
    .limit(bindparam("limit"))
)
_FORGET = Statement(loose_photos.delete().where(_of_photo))
