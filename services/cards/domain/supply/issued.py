"""A shard's supply of a game: what it leased, what it issued of that, and what it may still issue."""

from __future__ import annotations

from services.cards.domain.events import Deal, GamePrepared
from services.cards.domain.supply.decks import Decks
from services.cards.domain.supply.grants import (
    NO_CARDS,
    NO_DEALS,
    DeckReceived,
    SealedSupply,
    ShardSupply,
    SupplyEnded,
    SupplyReturned,
    add,
    subtract,
)
from services.cards.domain.vocabulary import CARDS, SOURCES, Source


class Issued:
    """What came from the home shard, and where it went. Only the `*_happened` methods change it."""

    __slots__ = (
        "cards",
        "decks",
        "ended_sources",
        "from_sources",
        "is_supply_ended",
        "lease_no",
        "leased",
        "leased_deals",
        "prepared",
        "returned",
        "returned_deals",
    )

    def __init__(self, prepared: GamePrepared) -> None:
        self.prepared = prepared
        self.decks = Decks(prepared.draw_key)
        self.lease_no = 0
        """The last lease that came; 0 for none."""
        self.leased = NO_CARDS
        """Cards that came, by card."""
        self.leased_deals = NO_DEALS
        """Rights to deal that came, by source."""
        self.returned = NO_CARDS
        """Cards given back, by card."""
        self.returned_deals = NO_DEALS
        """Rights to deal given back, by source."""
        self.from_sources = [0] * len(SOURCES)
        """Cards dealt, by source."""
        self.cards = [0] * len(CARDS)
        """Cards dealt, by card."""
        self.is_supply_ended = False
        """Whether home said that all cards of the game are dealt."""
        self.ended_sources: frozenset[Source] = frozenset()
        """Sources of which home said that their quota is dealt."""

    @property
    def draw_count(self) -> int:
        """Cards dealt."""
        return self.decks.draw_count

    def deals_left(self, source: Source) -> int:
        """Cards that may be dealt from a source, if there are any."""
        index = source - 1
        return self.leased_deals[index] - self.returned_deals[index] - self.from_sources[index]

    def is_ended(self, source: Source) -> bool:
        """Whether a source will never deal again in the whole game."""
        return source in self.ended_sources or not self.prepared.supply.quotas[source - 1]

    @property
    def supply(self) -> ShardSupply:
        """What the shard did with all that came, for home."""
        return ShardSupply(self.returned, self.returned_deals, tuple(self.from_sources))

    def lease_happened(self, received: DeckReceived) -> None:
        """Cards and rights to deal came."""
        grant = received.grant
        assert grant.lease_no == self.lease_no + 1, "leases come in order, each once"
        self.lease_no = grant.lease_no
        self.leased = add(self.leased, grant.cards)
        self.leased_deals = add(self.leased_deals, grant.deals)
        self.decks.deck_happened(grant.lease_no, grant.cards)
        self.check()

    def return_happened(self, returned: SupplyReturned) -> None:
        """Cards and rights to deal are no longer this shard's."""
        if any(returned.cards):
            assert returned.cards == self.decks.left, "all that is left of the decks goes back"
            self.decks.return_happened()
        self.returned = add(self.returned, returned.cards)
        self.returned_deals = add(self.returned_deals, returned.deals)
        self.check()

    def end_happened(self, ended: SupplyEnded) -> None:
        """Home's last word on what it names."""
        self.is_supply_ended = self.is_supply_ended or ended.is_supply_ended
        self.ended_sources |= set(ended.sources)

    def deal_happened(self, deal: Deal) -> None:
        """Takes dealt cards from the decks."""
        assert deal.first_draw_index == self.draw_count, "draws have no gaps"
        before = self.decks.left
        self.decks.deal_happened(deal.cards)
        for index, dealt in enumerate(subtract(before, self.decks.left)):
            self.cards[index] += dealt
        self.from_sources[deal.source - 1] += len(deal.cards)

    def seal_happened(self, sealed: SealedSupply) -> None:
        """What is left at the seal goes back, and nothing comes any more."""
        assert sealed == self.at_seal(), "the seal says what is in the books"
        self.returned = sealed.supply.returned
        self.returned_deals = sealed.supply.returned_deals
        self.decks.return_happened()

    def at_seal(self) -> SealedSupply:
        """The books, with all that is left given back."""
        deals = tuple(self.deals_left(source) for source in SOURCES)
        supply = ShardSupply(
            add(self.returned, self.decks.left), add(self.returned_deals, deals), tuple(self.from_sources)
        )
        return SealedSupply(self.lease_no, self.leased, supply)

    def check(self) -> None:
        """No card exists that was not leased, and none is lost."""
        out = zip(self.cards, self.returned, self.decks.left, strict=True)
        for leased, (issued, returned, left) in zip(self.leased, out, strict=True):
            assert leased == issued + returned + left, "a leased card is issued, given back or left"
            assert min(issued, returned, left) >= 0, "no count is below nothing"
        for source in SOURCES:
            assert self.deals_left(source) >= 0, "the quota is hard"
        assert sum(self.from_sources) == sum(self.cards) == self.draw_count, "each draw issues one card"
