"""Where a page begins: page tokens of allocation's lists."""

from __future__ import annotations

from services.allocation.domain.errors import PageTokenInvalid
from services.mesh.pages import Listing, PageTokenForeign


def page_position(of_list: Listing, token: str) -> int:
    """The position that a token of this list stands for; 0 for an empty one. Raises `PageTokenInvalid`."""
    try:
        return of_list.number(token)
    except PageTokenForeign as failure:
        raise PageTokenInvalid(token) from failure


def page_moment(of_list: Listing, token: str) -> tuple[int, ...] | None:
    """The time and the id that a token stands for; None for an empty one. Raises `PageTokenInvalid`."""
    try:
        return of_list.numbers(token, 2)
    except PageTokenForeign as failure:
        raise PageTokenInvalid(token) from failure
