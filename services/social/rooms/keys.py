"""Master keys of what people write, on the database of messages."""

from __future__ import annotations

from hongbao.social.v1.key_pb2_grpc import add_KeyServiceServicer_to_server
from services.mesh.room import Room
from services.mesh.server import Service
from services.social.adapters.chat.foundation import Chat
from services.social.adapters.chat.rewrapping import Rewrapping
from services.social.api.keys import KeyApi
from services.social.rooms.grounds import Grounds


def keys(on: Grounds, chat: Chat) -> Room:
    """The room of master keys: what is under which, and the way from one to the next."""
    settings = on.settings
    rewrapping = Rewrapping(
        chat.rotation,
        on.clock,
        look_s=settings.social_keys_look_s,
        pause_s=settings.social_keys_pause_ms / 1000,
    )
    service = Service("hongbao.social.v1.KeyService", KeyApi(chat.rotation), add_KeyServiceServicer_to_server)
    return Room((service,), {"chat-keys": rewrapping.run})
