"""Where a page begins: page tokens of settlement's lists that are kept in memory."""

from __future__ import annotations

from services.mesh.pages import Listing, PageTokenForeign
from services.settlement.domain.statement_errors import PageTokenInvalid


def page_position(of_list: Listing, token: str) -> int:
    """The position that a token of this list stands for; 0 for an empty one. Raises `PageTokenInvalid`."""
    try:
        return of_list.number(token)
    except PageTokenForeign as failure:
        raise PageTokenInvalid("the page token is none of this list", page_token=token) from failure
