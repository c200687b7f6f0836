"""What stands against giving a card."""

from __future__ import annotations

from services.cards.domain.errors import CardNotHeld
from services.cards.domain.events import GiftSent
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings import hand
from services.cards.domain.opening import check_open


def check_gift(game: ShardGame, gift: GiftSent) -> None:
    """Raises what stands against a gift at this moment: `check_open`'s errors, or `CardNotHeld`."""
    check_open(game, gift.sent_at_ms)
    giver = game.holdings.hand_of(gift.from_person_id)
    if not hand.count(giver, gift.card):
        raise CardNotHeld(gift.campaign_id, gift.card, hand.held(giver))
