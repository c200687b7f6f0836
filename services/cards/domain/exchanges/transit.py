"""Cards between two hands: those that went to other shards, and those that came from there."""

from __future__ import annotations

from services.cards.domain.events import GiftSent, ReceivedGift, Recorded
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.vocabulary import CARDS


class Transit:
    """Counts of one game on one shard, by card. Over all shards, sent less received is in transit."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.sent = [0] * len(CARDS)
        self.received = [0] * len(CARDS)

    def gift_happened(self, holdings: Holdings, gift: GiftSent, recorded: Recorded, *, shard: int) -> None:
        """Takes a card out of its giver's hand, and into the receiver's if that is of this shard, too."""
        offered = Cause(MovementKind.OFFERED, gift.sent_at_ms, recorded.seq, gift.to_person_id)
        holdings.take(gift.from_person_id, gift.card, offered)
        if gift.to_shard == shard:
            received = Cause(MovementKind.RECEIVED, gift.sent_at_ms, recorded.seq, gift.from_person_id)
            holdings.put(gift.to_person_id, gift.card, received)
        else:
            self.sent[gift.card - 1] += 1

    def arrival_happened(self, holdings: Holdings, gift: ReceivedGift, recorded: Recorded) -> None:
        """Puts a card that was in transit into its receiver's hand."""
        received = Cause(MovementKind.RECEIVED, recorded.time_ms, recorded.seq, gift.from_person_id)
        holdings.put(gift.to_person_id, gift.card, received)
        self.received[gift.card - 1] += 1
