"""One game on one shard: where its cards are, as a fold of what happened.

A card is in exactly one place. For each kind, on each shard, after every event:
issued + received = held + spent + sent + offered. Over all shards the difference of sent and received is in
transit.
"""

from __future__ import annotations

from services.cards.domain.events import (
    UNRECORDED,
    Deal,
    GamePrepared,
    PoolDecided,
    Recorded,
    SetsCompleted,
    SetUndone,
    ShardSealed,
)
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.exchanges import Exchanges
from services.cards.domain.exchanges.transit import Transit
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.people.events import ArrivedHand, MovedHand
from services.cards.domain.people.people import People
from services.cards.domain.sets.sets import Sets
from services.cards.domain.supply.grants import DeckReceived
from services.cards.domain.supply.issued import Issued
from services.cards.domain.vocabulary import CARDS


class ShardGame:
    """What a shard knows of a game, one room for each subject. Only the `*_happened` methods change it."""

    __slots__ = ("exchanges", "holdings", "issued", "people", "prepared", "sets", "transit")

    def __init__(self, prepared: GamePrepared) -> None:
        self.prepared = prepared
        self.issued = Issued(prepared)
        self.holdings = Holdings(prepared.deals_per_day_max)
        self.transit = Transit()
        self.exchanges = Exchanges()
        self.sets = Sets(prepared.share_mode)
        self.people = People()

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

    def lease_happened(self, received: DeckReceived) -> None:
        """A deck, or rights to deal, came from the home shard."""
        assert not self.is_sealed, "nothing comes after the seal"
        self.issued.lease_happened(received)

    def opened_happened(self, opened: ExchangesOpened, recorded: Recorded = UNRECORDED) -> None:
        """Begins exchanges: cards that are offered leave their hands."""
        assert not self.is_sealed, "nothing is offered after the seal"
        self.exchanges.opened_happened(self.holdings, opened, recorded, shard=self.prepared.shard)
        self.check()

    def ended_happened(self, ended: ExchangesEnded, recorded: Recorded = UNRECORDED) -> None:
        """Ends exchanges: their cards go on, or home."""
        assert not self.is_sealed, "what waits ends before the seal"
        shard = self.prepared.shard
        self.exchanges.ended_happened(self.holdings, self.transit, ended, recorded, shard=shard)
        self.check()

    def followed_happened(
        self, part: ExchangesOpened | ExchangesEnded, recorded: Recorded = UNRECORDED
    ) -> None:
        """Keeps what another shard recorded, also after the seal: cards that were in transit arrive."""
        shard = self.prepared.shard
        self.exchanges.followed_happened(self.holdings, self.transit, part, recorded, shard=shard)
        self.check()

    def completion_happened(self, completed: SetsCompleted, recorded: Recorded = UNRECORDED) -> None:
        """Spends one of each card of each person."""
        self.sets.completion_happened(self.holdings, completed, recorded)
        self.check()

    def undo_happened(self, undone: SetUndone, recorded: Recorded = UNRECORDED) -> None:
        """Puts a set back into its person's hand."""
        self.sets.undo_happened(self.holdings, undone, recorded)
        self.check()

    def hand_moved(self, moved: MovedHand, recorded: Recorded = UNRECORDED, *, shard: int) -> None:
        """Takes a merged person's cards to the person they are, or on their way there."""
        assert not self.is_sealed, "no hand goes on after the seal"
        self.people.hand_moved(self.holdings, self.transit, self.sets, moved, recorded, shard=shard)
        self.check()

    def hand_arrived(self, arrived: ArrivedHand, recorded: Recorded = UNRECORDED) -> None:
        """Puts a merged person's cards into the hand of the person they are, also after the seal."""
        self.people.hand_arrived(self.holdings, self.transit, self.sets, arrived, recorded)
        self.check()

    def seal_happened(self, seal: ShardSealed) -> None:
        """Fixes the counts."""
        assert self.exchanges.waiting_count == 0, "what waits ends before the seal"
        self.sets.seal_happened(seal)
        self.issued.seal_happened(seal.supply)

    def decision_happened(self, decision: PoolDecided) -> None:
        """Keeps how the pool is shared."""
        self.sets.decision_happened(decision)

    def check(self) -> None:
        """Every card is in exactly one place, and none exists that may not."""
        spent = self.sets.count
        for index in range(len(CARDS)):
            came = self.issued.cards[index] + self.transit.received[index]
            held, sent = self.holdings.held[index], self.transit.sent[index]
            offered = self.exchanges.offered[index]
            assert came == held + spent + sent + offered, "each card is in exactly one place"
            assert min(held, sent) >= 0, "no place holds less than nothing"
        self.exchanges.check()
        self.issued.check()
