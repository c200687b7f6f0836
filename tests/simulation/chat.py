"""What chat stands on in the simulation: as in social's own start, but for the threads."""

from __future__ import annotations

from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.keys.masters import MasterKeys
from services.mesh.keys.rotation import Rotation, open_vault
from services.social.adapters.chat.foundation import Chat
from services.social.adapters.chat.tables import keys
from services.social.adapters.chat.texts import Texts
from services.social.settings import SocialSettings

_KEY = "50c1a1" * 10 + "5eed"


def chat_on(database: Database, settings: SocialSettings, clock: Clock) -> Chat:
    """Chat on a database; the key is the same for all processes after each other."""
    masters = MasterKeys.from_hex([_KEY])
    vault, purposes = open_vault(database, keys, lambda: masters, clock.now_ms())
    texts = Texts(
        database,
        vault,
        clock,
        keys_max=settings.social_chat_keys_max,
        remember_s=settings.social_chat_keys_remember_s,
    )
    return Chat(database, texts, purposes, Rotation(database, keys, vault, batch_keys=1))
