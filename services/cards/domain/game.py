"""One game on one shard: where its cards are, as a fold of what happened.

A card is in exactly one place. For each kind, on each shard, after every event:
issued + received = held + spent + sent. Over all shards the difference of sent and received is in transit.
"""

from __future__ import annotations

from services.cards.domain import hand
from services.cards.domain.events import (
    Deal,
    GamePrepared,
    GiftSent,
    PoolDecided,
    ReceivedGift,
    SetCompleted,
    ShardSealed,
)
from services.cards.domain.hand import Hand
from services.cards.domain.identity import deal_digests
from services.cards.domain.vocabulary import CARDS, SOURCES, Card, PersonId


class ShardGame:
    """What a shard knows of a game. Only the `*_happened` methods change it."""

    __slots__ = (
        "completed_at_ms",
        "dealt_by_source",
        "dealt_cards",
        "decision",
        "draw_count",
        "hands",
        "held",
        "issued",
        "prepared",
        "received",
        "sealed",
        "sent",
    )

    def __init__(self, prepared: GamePrepared) -> None:
        self.prepared = prepared
        self.hands: dict[int, Hand] = {}
        """Every person who holds a card; nobody with an empty hand."""
        self.dealt_cards: dict[bytes, int] = {}
        """What each (source, source_key, person) got, by digest: the memory that makes deals idempotent."""
        self.completed_at_ms: dict[int, int] = {}
        """Who completed a set, and when."""
        self.draw_count = 0
        self.dealt_by_source = [0] * len(SOURCES)
        self.issued = [0] * len(CARDS)
        """By card, as the next three."""
        self.held = [0] * len(CARDS)
        self.sent = [0] * len(CARDS)
        self.received = [0] * len(CARDS)
        self.sealed: ShardSealed | None = None
        self.decision: PoolDecided | None = None

    @property
    def sets_completed(self) -> int:
        """Sets spent by persons of this shard."""
        return len(self.completed_at_ms)

    def hand_of(self, person_id: PersonId) -> Hand:
        """The person's cards, none for a person who never had one."""
        return self.hands.get(person_id, hand.EMPTY)

    def remaining(self) -> list[int]:
        """Cards of each kind that this shard may still issue."""
        return [
            limit - issued for limit, issued in zip(self.prepared.supply.limits, self.issued, strict=True)
        ]

    def deal_happened(self, deal: Deal) -> None:
        """Puts issued cards into hands."""
        assert self.sealed is None, "nothing is dealt after the seal"
        assert deal.first_draw_index == self.draw_count, "draws have no gaps"
        digests = deal_digests(deal.source, deal.person_ids, deal.source_keys)
        for digest, person_id, card in zip(digests, deal.person_ids, deal.cards, strict=True):
            assert digest not in self.dealt_cards, "nothing earns two cards"
            self.dealt_cards[digest] = card
            self._put(person_id, Card(card))
            self.issued[card - 1] += 1
        self.draw_count += len(deal.cards)
        self.dealt_by_source[deal.source - 1] += len(deal.cards)
        self.check()

    def gift_happened(self, gift: GiftSent, *, shard: int) -> None:
        """Takes a card out of its giver's hand, and into the receiver's if that is of this shard, too."""
        assert self.sealed is None, "nothing is given after the seal"
        self._take(gift.from_person_id, gift.card)
        if gift.to_shard == shard:
            self._put(gift.to_person_id, gift.card)
        else:
            self.sent[gift.card - 1] += 1
        self.check()

    def arrival_happened(self, gift: ReceivedGift) -> None:
        """Puts a card that was in transit into its receiver's hand, also after the seal."""
        self._put(gift.to_person_id, gift.card)
        self.received[gift.card - 1] += 1
        self.check()

    def completion_happened(self, completion: SetCompleted) -> None:
        """Spends one of each card."""
        assert self.sealed is None, "no set is completed after the seal"
        assert completion.person_id not in self.completed_at_ms, "a person completes once"
        self._keep(completion.person_id, hand.remove_set(self.hand_of(completion.person_id)))
        for index in range(len(CARDS)):
            self.held[index] -= 1
        self.completed_at_ms[completion.person_id] = completion.completed_at_ms
        self.check()

    def seal_happened(self, seal: ShardSealed) -> None:
        """Fixes the counts."""
        assert self.sealed is None, "a shard is sealed once"
        assert seal.sets_completed == self.sets_completed, "the seal counts every set"
        self.sealed = seal

    def decision_happened(self, decision: PoolDecided) -> None:
        """Keeps how the pool is shared."""
        assert self.sealed is not None, "the pool is decided after the seal"
        assert self.decision is None, "the pool is decided once"
        self.decision = decision

    def _put(self, person_id: int, card: Card) -> None:
        self.hands[person_id] = hand.add(self.hands.get(person_id, hand.EMPTY), card)
        self.held[card - 1] += 1

    def _take(self, person_id: PersonId, card: Card) -> None:
        self._keep(person_id, hand.remove(self.hand_of(person_id), card))
        self.held[card - 1] -= 1

    def _keep(self, person_id: PersonId, left: Hand) -> None:
        if left == hand.EMPTY:
            del self.hands[person_id]
        else:
            self.hands[person_id] = left

    def check(self) -> None:
        """Every card is in exactly one place, and none exists that may not."""
        spent = self.sets_completed
        for index, limit in enumerate(self.prepared.supply.limits):
            assert self.issued[index] <= limit, "the issue limit is hard"
            assert self.issued[index] + self.received[index] == self.held[index] + spent + self.sent[index], (
                "each card is in exactly one place"
            )
            assert min(self.held[index], self.sent[index]) >= 0, "no place holds less than nothing"
        for dealt, quota in zip(self.dealt_by_source, self.prepared.supply.quotas, strict=True):
            assert dealt <= quota, "the quota is hard"
        assert sum(self.dealt_by_source) == sum(self.issued) == self.draw_count, "each draw issues one card"
