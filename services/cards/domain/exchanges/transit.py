"""Cards between two hands: those that went to other shards, and those that came from there."""

from __future__ import annotations

from services.cards.domain.events import GiftSent, ReceivedGift
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.vocabulary import CARDS


class Transit:
    """Counts of one game on one shard, by card. Over all shards, sent less received is in transit."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.sent = [0] * len(CARDS)
        self.received = [0] * len(CARDS)

    def gift_happened(self, holdings: Holdings, gift: GiftSent, *, shard: int) -> None:
        """Takes a card out of its giver's hand, and into the receiver's if that is of this shard, too."""
        holdings.take(gift.from_person_id, gift.card)
        if gift.to_shard == shard:
            holdings.put(gift.to_person_id, gift.card)
        else:
            self.sent[gift.card - 1] += 1

    def arrival_happened(self, holdings: Holdings, gift: ReceivedGift) -> None:
        """Puts a card that was in transit into its receiver's hand."""
        holdings.put(gift.to_person_id, gift.card)
        self.received[gift.card - 1] += 1
