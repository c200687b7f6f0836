"""Page tokens: where a list goes on. Opaque to callers, and bound to the list that gave them out."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import dataclass

NUMBER_MAX = (1 << 63) - 1
"""The largest number that a token carries: databases keep no larger ones."""
NUMBER_MIN = -NUMBER_MAX - 1

_NUMBER = re.compile(r"-?[0-9]{1,19}")
_NAME = re.compile(r"[-0-9A-Za-z]+")


class PageTokenForeign(ValueError):
    """The token was not given out for this list. Services answer with the error that their contract names."""

    def __init__(self) -> None:
        super().__init__("the page token was not given out for this list")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that is shown page by page."""

    name: str
    """Which list, and how it is sorted and sifted."""
    subject: int | str = 0
    """Whose it is; 0 where it is nobody's."""

    def token(self, *last: int | str) -> str:
        """Asks for what follows the item with the key `last`: numbers, and names of `A-Z a-z 0-9 -`."""
        is_read_again = all(_NAME.fullmatch(str(part)) for part in last)
        assert is_read_again, "what a token carries can be read"  # noqa: S101 - an invariant
        key = "|".join(map(str, last))
        return base64.urlsafe_b64encode(f"{key}|{self._mark(key)}".encode()).decode().rstrip("=")

    def number(self, page_token: str) -> int:
        """The number that a token carries; 0 for an empty one. Raises `PageTokenForeign`."""
        numbers = self.numbers(page_token, 1)
        return 0 if numbers is None else numbers[0]

    def numbers(self, page_token: str, count: int, *, least: int = 0) -> tuple[int, ...] | None:
        """The numbers that a token carries, none below `least`; None for an empty one.

        Raises `PageTokenForeign`, also when there are not `count` of them.
        """
        if not page_token:
            return None
        return tuple(_number(part, least) for part in self._key(page_token, count))

    def number_and_name(self, page_token: str) -> tuple[int, str] | None:
        """The number and the name that a token carries, or None. Raises as `numbers`."""
        if not page_token:
            return None
        number, name = self._key(page_token, 2)
        if not _NAME.fullmatch(name):
            raise PageTokenForeign
        return _number(number, 0), name

    def _key(self, page_token: str, parts: int) -> list[str]:
        padding = "=" * (-len(page_token) % 4)
        try:
            text = base64.b64decode(page_token + padding, altchars=b"-_", validate=True).decode()
        except ValueError:
            # Not base64, not UTF-8, or letters that base64 never has.
            raise PageTokenForeign from None
        key, _, mark = text.rpartition("|")
        found = key.split("|")
        if mark != str(self._mark(key)) or len(found) != parts:
            raise PageTokenForeign
        return found

    def _mark(self, key: str) -> int:
        # Not a signature: whoever forges one only reads the same list from another place.
        return zlib.crc32(repr((self.name, str(self.subject), key)).encode())


def _number(text: str, least: int) -> int:
    # A forged token says whatever it likes, and no database takes all of it.
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= NUMBER_MAX:
        raise PageTokenForeign
    return int(text)
