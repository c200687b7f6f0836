"""What makes two requests the same request."""

from __future__ import annotations

from services.cards.domain.errors import RequestIdReused
from services.cards.domain.events import GiftSent


def check_same_gift(known: GiftSent, asked: GiftSent) -> None:
    """Raises `RequestIdReused` unless both ask for the same gift; when it happened does not matter.

    The whole input is kept, not a hash of it, so two inputs can never pass for one another.
    """
    for field in ("campaign_id", "to_person_id", "card"):
        if getattr(known, field) != getattr(asked, field):
            raise RequestIdReused(asked.request_id, field)
