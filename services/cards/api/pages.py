"""Where a page begins: page tokens of the card game's lists."""

from __future__ import annotations

from services.cards.domain.errors import PageTokenInvalid
from services.mesh.pages import Listing, PageTokenForeign


def page_position(of_list: Listing, token: str) -> int:
    """The position that a token of this list stands for; 0 for an empty one. Raises `PageTokenInvalid`."""
    try:
        return of_list.number(token)
    except PageTokenForeign as failure:
        raise PageTokenInvalid(token) from failure
