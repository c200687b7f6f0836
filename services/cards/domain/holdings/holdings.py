"""The hands of a game on one shard, and the memory of what was dealt."""

from __future__ import annotations

from services.cards.domain.events import Deal
from services.cards.domain.holdings import hand
from services.cards.domain.holdings.hand import Hand
from services.cards.domain.holdings.identity import deal_digests
from services.cards.domain.vocabulary import CARDS, Card, PersonId


class Holdings:
    """Who holds what. Others put cards in and take them out; each counts them on the other side."""

    __slots__ = ("dealt_cards", "hands", "held")

    def __init__(self) -> None:
        self.hands: dict[int, Hand] = {}
        """Every person who holds a card; nobody with an empty hand."""
        self.dealt_cards: dict[bytes, int] = {}
        """What each (source, source_key, person) got, by digest: the memory that makes deals idempotent."""
        self.held = [0] * len(CARDS)
        """Cards in all hands, by card."""

    def hand_of(self, person_id: PersonId) -> Hand:
        """The person's cards, none for a person who never had one."""
        return self.hands.get(person_id, hand.EMPTY)

    def deal_happened(self, deal: Deal) -> None:
        """Puts issued cards into hands."""
        digests = deal_digests(deal.source, deal.person_ids, deal.source_keys)
        for digest, person_id, card in zip(digests, deal.person_ids, deal.cards, strict=True):
            assert digest not in self.dealt_cards, "nothing earns two cards"
            self.dealt_cards[digest] = card
            self.put(person_id, Card(card))

    def put(self, person_id: int, card: Card) -> None:
        """A card comes into a hand."""
        self.hands[person_id] = hand.add(self.hands.get(person_id, hand.EMPTY), card)
        self.held[card - 1] += 1

    def take(self, person_id: PersonId, card: Card) -> None:
        """A card leaves a hand, where it must be."""
        self._keep(person_id, hand.remove(self.hand_of(person_id), card))
        self.held[card - 1] -= 1

    def take_set(self, person_id: PersonId) -> None:
        """One of each card leaves a hand, where they must be."""
        self._keep(person_id, hand.remove_set(self.hand_of(person_id)))
        for index in range(len(CARDS)):
            self.held[index] -= 1

    def _keep(self, person_id: PersonId, left: Hand) -> None:
        if left == hand.EMPTY:
            del self.hands[person_id]
        else:
            self.hands[person_id] = left
