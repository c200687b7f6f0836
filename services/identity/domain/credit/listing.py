"""Pages of credit's lists: what is newest comes first, what has one moment by its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.identity.domain import pages
from services.identity.domain.errors import PageTokenInvalid

T = TypeVar("T")

NEWEST = (2**63 - 1, 2**63 - 1)
"""Above every item's place."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list."""

    items: Sequence[T]
    next_page_token: str
    """Empty after the last page."""


def size_of(page_size: int) -> int:
    """How many items a page has; 0 asks for the default."""
    return page_size or pages.PAGE_ITEMS_DEFAULT


def place_of(page_token: str, listing: str, subject: int, first: tuple[int, ...]) -> tuple[int, ...]:
    """The place of the last item before, `first` for the first page. Raises `PageTokenInvalid`."""
    key = pages.last_of(page_token, listing, subject)
    if key is None:
        return first
    if len(key) != len(first) or not all(part.isdecimal() and part.isascii() for part in key):
        raise PageTokenInvalid(page_token)
    place = tuple(map(int, key))
    if max(place) >= 1 << 63:
        raise PageTokenInvalid(page_token)
    return place


def page(
    found: Sequence[T], size: int, listing: str, subject: int, place: Callable[[T], tuple[int, ...]]
) -> Page[T]:
    """A page of what was found, which is one more than its size if another page follows."""
    if len(found) <= size:
        return Page(found, "")
    shown = found[:size]
    return Page(shown, pages.token(listing, subject, *place(shown[-1])))
