"""Page tokens: where a list goes on. Opaque to callers, and bound to the list that gave them out."""

from __future__ import annotations

import base64
import binascii
import zlib

from services.identity.domain.errors import PageTokenInvalid

PAGE_ITEMS_DEFAULT = 20
_DIGITS_MAX = 19


def token(listing: str, subject: int, *last: int | str) -> str:
    """Asks for what follows the item with the key `last`; `listing` names the list, `subject` whose it is."""
    key = "|".join(map(str, last))
    return base64.urlsafe_b64encode(f"{key}|{_mark(listing, subject, key)}".encode()).decode()


def last_of(page_token: str, listing: str, subject: int) -> tuple[str, ...] | None:
    """The key of the last item before; None for an empty token. Raises `PageTokenInvalid`."""
    if not page_token:
        return None
    try:
        text = base64.b64decode(page_token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise PageTokenInvalid(page_token) from None
    key, _, mark = text.rpartition("|")
    if mark != str(_mark(listing, subject, key)):
        raise PageTokenInvalid(page_token)
    return tuple(key.split("|"))


def is_number(text: str) -> bool:
    """Whether a part of a key is a whole number that fits into 64 bits: tokens can be forged."""
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX and int(text) < 1 << 63


def is_name(text: str) -> bool:
    """Whether a part of a key is letters, digits and dashes."""
    return text.isascii() and text.replace("-", "").isalnum()


def _mark(listing: str, subject: int, key: str) -> int:
    # Not a signature: whoever forges one only reads the same list from another place.
    return zlib.crc32(f"{listing}/{subject}/{key}".encode())
