"""Page tokens of lists that are kept in memory: opaque to callers, and tied to their list."""

from __future__ import annotations

import base64

from services.settlement.domain.statement_errors import PageTokenInvalid


def page_token(of_list: str, position: int) -> str:
    """The token of the page that begins after a position of a list."""
    return base64.urlsafe_b64encode(f"{of_list}@{position}".encode()).decode().rstrip("=")


def page_position(of_list: str, token: str) -> int:
    """The position that a token of this list stands for; 0 for an empty one. Raises `PageTokenInvalid`."""
    if not token:
        return 0
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as failure:  # base64, UTF-8, or letters that base64 never has
        raise _invalid(token) from failure
    name, _, position = text.rpartition("@")
    if name != of_list or not position.isdecimal() or not position.isascii():
        raise _invalid(token)
    return int(position)


def _invalid(token: str) -> PageTokenInvalid:
    return PageTokenInvalid("the page token is none of this list", page_token=token)
