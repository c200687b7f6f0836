"""One game on one shard: where its cards are, as a fold of what happened.

A card is in exactly one place. For each kind, on each shard, after every event:
issued + received = held + spent + sent. Over all shards the difference of sent and received is in transit.
"""

from __future__ import annotations

from services.cards.domain.events import (
    UNRECORDED,
    Deal,
    GamePrepared,
    GiftSent,
    PoolDecided,
    ReceivedGift,
    Recorded,
    SetsCompleted,
    SetUndone,
    ShardSealed,
)
from services.cards.domain.exchanges.transit import Transit
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.sets.sets import Sets
from services.cards.domain.supply.issued import Issued
from services.cards.domain.vocabulary import CARDS


class ShardGame:
    """What a shard knows of a game, one room for each subject. Only the `*_happened` methods change it."""

    __slots__ = ("holdings", "issued", "prepared", "sets", "transit")

    def __init__(self, prepared: GamePrepared) -> None:
        self.prepared = prepared
        self.issued = Issued(prepared)
        self.holdings = Holdings()
        self.transit = Transit()
        self.sets = Sets(prepared.share_mode)

    @property
    def is_sealed(self) -> bool:
        """Whether the deadline has passed here, on record."""
        return self.sets.sealed is not None

    def deal_happened(self, deal: Deal, recorded: Recorded = UNRECORDED) -> None:
        """Puts issued cards into hands."""
        assert not self.is_sealed, "nothing is dealt after the seal"
        self.issued.deal_happened(deal)
        self.holdings.deal_happened(deal, recorded)
        self.check()

    def gift_happened(self, gift: GiftSent, recorded: Recorded = UNRECORDED, *, shard: int) -> None:
        """Takes a card out of its giver's hand, and into the receiver's if that is of this shard, too."""
        assert not self.is_sealed, "nothing is given after the seal"
        self.transit.gift_happened(self.holdings, gift, recorded, shard=shard)
        self.check()

    def arrival_happened(self, gift: ReceivedGift, recorded: Recorded = UNRECORDED) -> None:
        """Puts a card that was in transit into its receiver's hand, also after the seal."""
        self.transit.arrival_happened(self.holdings, gift, recorded)
        self.check()

    def completion_happened(self, completed: SetsCompleted, recorded: Recorded = UNRECORDED) -> None:
        """Spends one of each card of each person."""
        self.sets.completion_happened(self.holdings, completed, recorded)
        self.check()

    def undo_happened(self, undone: SetUndone, recorded: Recorded = UNRECORDED) -> None:
        """Puts a set back into its person's hand."""
        self.sets.undo_happened(self.holdings, undone, recorded)
        self.check()

    def seal_happened(self, seal: ShardSealed) -> None:
        """Fixes the counts."""
        self.sets.seal_happened(seal)

    def decision_happened(self, decision: PoolDecided) -> None:
        """Keeps how the pool is shared."""
        self.sets.decision_happened(decision)

    def check(self) -> None:
        """Every card is in exactly one place, and none exists that may not."""
        spent = self.sets.count
        for index in range(len(CARDS)):
            came = self.issued.cards[index] + self.transit.received[index]
            held, sent = self.holdings.held[index], self.transit.sent[index]
            assert came == held + spent + sent, "each card is in exactly one place"
            assert min(held, sent) >= 0, "no place holds less than nothing"
        self.issued.check()
