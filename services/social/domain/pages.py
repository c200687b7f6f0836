"""Page tokens: where a list goes on. Opaque to callers, and bound to the list that gave them out."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib

from services.social.domain.errors import PageTokenInvalid

PAGE_ITEMS_DEFAULT = 100

_LAYOUT = struct.Struct(">QI")


def token(listing: str, subject: int, last: int) -> str:
    """Asks for what follows `last` in a list; `listing` names its kind, `subject` whose it is."""
    packed = _LAYOUT.pack(last, _mark(listing, subject, last))
    return base64.urlsafe_b64encode(packed).decode()


def last_of(page_token: str, listing: str, subject: int) -> int:
    """Where the page before ended, 0 for an empty token. Raises `PageTokenInvalid`."""
    if not page_token:
        return 0
    try:
        last, mark = _LAYOUT.unpack(base64.b64decode(page_token, altchars=b"-_", validate=True))
    except (binascii.Error, struct.error, ValueError):
        raise PageTokenInvalid(page_token) from None
    if mark != _mark(listing, subject, last):
        raise PageTokenInvalid(page_token)
    return int(last)


def _mark(listing: str, subject: int, last: int) -> int:
    # Not a signature: whoever forges one only reads the same list from another place.
    return zlib.crc32(f"{listing}/{subject}/{last}".encode())
