"""What a message says, as it is stored."""

from __future__ import annotations

from services.social.adapters.chat.texts import Opener
from services.social.domain.chat.message import Attachment, CardAsk, Content, Gift, Packet, PacketAsk, Text

TEXT, PACKET, GIFT, PACKET_ASK, CARD_ASK = 1, 2, 3, 4, 5
"""Kinds, as columns hold them."""

_KINDS: dict[type[Content], int] = {
    Text: TEXT,
    Packet: PACKET,
    Gift: GIFT,
    PacketAsk: PACKET_ASK,
    CardAsk: CARD_ASK,
}


def kind_of(content: Content) -> int:
    """The kind of what a message says."""
    return _KINDS[type(content)]


def name_of(attachment: Attachment) -> str:
    """The name of what is sent along, among those of its kind."""
    if isinstance(attachment, Packet):
        return str(attachment.envelope_id)
    if isinstance(attachment, PacketAsk):
        return str(attachment.ask_id)
    return f"{attachment.campaign_id}/{attachment.exchange_id}"


def place_of(message_id: int) -> str:
    """Where words are sealed to: moved to another message they do not open."""
    return f"message/{message_id}"


def content_of(kind: int, body: bytes, message_id: int, opener: Opener | None) -> Content | None:
    """What a stored message says; None when its words were erased."""
    if kind == TEXT:
        words = None if opener is None else opener.open(place_of(message_id), body)
        return None if words is None else Text(words)
    name = body.decode()
    if kind == PACKET:
        return Packet(int(name))
    if kind == PACKET_ASK:
        return PacketAsk(int(name))
    campaign_id, _, exchange_id = name.partition("/")
    return Gift(campaign_id, exchange_id) if kind == GIFT else CardAsk(campaign_id, exchange_id)
