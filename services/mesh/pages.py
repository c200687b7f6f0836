"""Page tokens of lists that are kept in memory: opaque to callers, and tied to their list."""

from __future__ import annotations

import base64


def page_token(of_list: str, position: int) -> str:
    """The token of the page that begins at a position of a list."""
    return base64.urlsafe_b64encode(f"{of_list}@{position}".encode()).decode().rstrip("=")


def token_position(of_list: str, token: str) -> int:
    """The position that a token of this list stands for; 0 for an empty one. Raises ValueError for any other.

    Services answer with an error of their own, whose reason their contract names.
    """
    if not token:
        return 0
    # A ValueError as well when it is not base64, not UTF-8, or of letters that base64 never has.
    text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    name, _, position = text.rpartition("@")
    if name != of_list or not position.isdecimal() or not position.isascii():
        raise ValueError("the token was not given out for this list")
    return int(position)
