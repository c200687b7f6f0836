"""What chat stands on: a database of its own, and the keys that words are sealed under."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.settings import DatabaseSettings
from services.mesh.keys.masters import KeysUnusable, MasterKeys
from services.mesh.keys.purposes import PurposeKeys
from services.mesh.keys.rotation import Rotation, open_vault
from services.mesh.server import StartFailed
from services.social.adapters.chat.tables import keys, schema
from services.social.adapters.chat.texts import Texts
from services.social.settings import SocialSettings


class ChatDatabaseSettings(DatabaseSettings):
    """How chat's own database is opened: its file, threads and connections carry this name."""

    service: ClassVar[str] = "chat"


@dataclass(frozen=True, slots=True)
class Chat:
    """Made once for the process."""

    database: Database
    """Apart from that of relations: a flood of messages takes nothing from who asks for those."""
    texts: Texts
    purposes: PurposeKeys
    """Keys of other purposes, derived from the root secret."""
    rotation: Rotation
    """Wraps keys anew when another master key is given."""


@asynccontextmanager
async def open_chat(settings: SocialSettings, clock: Clock) -> AsyncIterator[Chat]:
    """Opens it until the block ends. Raises `StartFailed`."""
    own = ChatDatabaseSettings(
        instance=settings.instance,
        database_url=settings.social_chat_database_url or settings.database_url,
        database_readers=settings.social_chat_readers,
        database_reads_max=settings.social_chat_reads_max,
    )
    database = await Database.open(own, schema)
    try:
        try:
            vault, purposes = await asyncio.to_thread(
                open_vault, database, keys, lambda: _masters(settings), clock.now_ms()
            )
        except KeysUnusable as failure:
            raise StartFailed(f"social: {failure}") from None
        texts = Texts(
            database,
            vault,
            clock,
            keys_max=settings.social_chat_keys_max,
            remember_s=settings.social_chat_keys_remember_s,
        )
        rotation = Rotation(database, keys, vault, batch_keys=settings.social_keys_batch)
        yield Chat(database, texts, purposes, rotation)
    finally:
        await database.close()


def _masters(settings: SocialSettings) -> MasterKeys:
    if settings.social_key is not None:
        others = [key.get_secret_value() for key in settings.social_other_keys]
        return MasterKeys.from_hex([settings.social_key.get_secret_value(), *others])
    if settings.key_file is None:
        raise KeysUnusable("HONGBAO_SOCIAL_KEY or HONGBAO_SOCIAL_KEY_FILE is needed with PostgreSQL")
    return MasterKeys.from_file(settings.key_file)
