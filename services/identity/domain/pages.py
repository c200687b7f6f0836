"""Pages of identity's lists: how long they are, and where one begins."""

from __future__ import annotations

from services.identity.domain.errors import PageTokenInvalid
from services.mesh.pages import Listing, PageTokenForeign

PAGE_ITEMS_DEFAULT = 20


def last_of(of_list: Listing, page_token: str, count: int) -> tuple[int, ...] | None:
    """The `count` numbers of the last item before; None for an empty token. Raises `PageTokenInvalid`."""
    try:
        return of_list.numbers(page_token, count)
    except PageTokenForeign:
        raise PageTokenInvalid(page_token) from None


def last_named(of_list: Listing, page_token: str) -> tuple[int, str] | None:
    """The number and the name of the last item before, as `last_of`."""
    try:
        return of_list.number_and_name(page_token)
    except PageTokenForeign:
        raise PageTokenInvalid(page_token) from None
