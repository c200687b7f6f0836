"""Pages of credit's lists: what is newest comes first, what has one moment by its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.identity.domain import pages
from services.mesh.pages import Listing

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


def place_of(of_list: Listing, page_token: str, first: tuple[int, ...]) -> tuple[int, ...]:
    """The place of the last item before, `first` for the first page. Raises `PageTokenInvalid`."""
    return pages.last_of(of_list, page_token, len(first)) or first


def page(of_list: Listing, found: Sequence[T], size: int, place: Callable[[T], tuple[int, ...]]) -> Page[T]:
    """A page of what was found, which is one more than its size if another page follows."""
    if len(found) <= size:
        return Page(found, "")
    shown = found[:size]
    return Page(shown, of_list.token(*place(shown[-1])))
