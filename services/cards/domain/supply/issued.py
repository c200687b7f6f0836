"""What a shard has issued of a game, and what it may still issue."""

from __future__ import annotations

from services.cards.domain.events import Deal, GamePrepared
from services.cards.domain.vocabulary import CARDS, SOURCES


class Issued:
    """The shard's part of the supply. Only the `*_happened` methods change it."""

    __slots__ = ("cards", "draw_count", "from_sources", "prepared")

    def __init__(self, prepared: GamePrepared) -> None:
        self.prepared = prepared
        self.draw_count = 0
        self.from_sources = [0] * len(SOURCES)
        """Cards dealt, by source."""
        self.cards = [0] * len(CARDS)
        """Cards dealt, by card."""

    def remaining(self) -> list[int]:
        """Cards of each kind that this shard may still issue."""
        return [limit - issued for limit, issued in zip(self.prepared.supply.limits, self.cards, strict=True)]

    def deal_happened(self, deal: Deal) -> None:
        """Takes dealt cards out of the supply."""
        assert deal.first_draw_index == self.draw_count, "draws have no gaps"
        for card in deal.cards:
            self.cards[card - 1] += 1
        self.draw_count += len(deal.cards)
        self.from_sources[deal.source - 1] += len(deal.cards)

    def check(self) -> None:
        """No card exists that may not."""
        for issued, limit in zip(self.cards, self.prepared.supply.limits, strict=True):
            assert issued <= limit, "the issue limit is hard"
        for dealt, quota in zip(self.from_sources, self.prepared.supply.quotas, strict=True):
            assert dealt <= quota, "the quota is hard"
        assert sum(self.from_sources) == sum(self.cards) == self.draw_count, "each draw issues one card"
