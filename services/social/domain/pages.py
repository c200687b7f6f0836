"""Pages of social's lists: how long they are, and where one begins."""

from __future__ import annotations

from services.mesh.pages import Listing, PageTokenForeign
from services.social.domain.errors import PageTokenInvalid

PAGE_ITEMS_DEFAULT = 100


def token(listing: str, subject: int, last: int) -> str:
    """Asks for what follows `last` in a list; `listing` names its kind, `subject` whose it is."""
    return Listing(listing, subject).token(last)


def last_of(page_token: str, listing: str, subject: int) -> int:
    """Where the page before ended, 0 for an empty token. Raises `PageTokenInvalid`."""
    try:
        return Listing(listing, subject).number(page_token)
    except PageTokenForeign:
        raise PageTokenInvalid(page_token) from None
