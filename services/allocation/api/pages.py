"""Where a page begins: page tokens of allocation's lists."""

from __future__ import annotations

from services.allocation.domain.errors import PageTokenInvalid
from services.mesh.pages import token_position


def page_position(of_list: str, token: str) -> int:
    """The position that a token of this list stands for; 0 for an empty one. Raises `PageTokenInvalid`."""
    try:
        return token_position(of_list, token)
    except ValueError as failure:
        raise PageTokenInvalid(token) from failure
