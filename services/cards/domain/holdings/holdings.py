"""The hands of a game on one shard, and the memory of what was dealt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.events import UNRECORDED, Deal, Recorded
from services.cards.domain.holdings import hand
from services.cards.domain.holdings.candidates import Candidates
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.hand import Hand
from services.cards.domain.holdings.identity import deal_digests
from services.cards.domain.vocabulary import CARDS, Card, PersonId, Source


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

    @property
    def holder_count(self) -> int:
        """People with at least one card in their hand."""
        return len(self.hands)

    def hand_of(self, person_id: PersonId) -> Hand:
        """The person's cards, none for a person who never had one."""
        return self.hands.get(person_id, hand.EMPTY)

    def count(self, person_id: PersonId, card: Card) -> int:
        """Copies of a card in the person's hand."""
        return hand.count(self.hand_of(person_id), card)

    def candidates(
        self,
        source: Source,
        person_ids: NDArray[np.int64],
        source_keys: Sequence[str],
        now_ms: int,  # noqa: ARG002 - the daily limit is to come
    ) -> Candidates:
        """What hands say to a batch. `source_keys` has one element for all persons, or one for each."""
        firsts: dict[bytes, int] = {}
        known, first = [], []
        for index, digest in enumerate(deal_digests(source, person_ids.tolist(), source_keys)):
            known.append(self.dealt_cards.get(digest, 0))
            first.append(firsts.setdefault(digest, index))
        return Candidates(
            np.array(known, np.uint8), np.array(first, np.int64), np.ones(len(person_ids), np.bool_)
        )

    def deal_happened(self, deal: Deal, recorded: Recorded = UNRECORDED) -> None:
        """Puts issued cards into hands."""
        digests = deal_digests(deal.source, deal.person_ids, deal.source_keys)
        cause = Cause(MovementKind.DEALT, recorded.time_ms, recorded.seq)
        for digest, person_id, card in zip(digests, deal.person_ids, deal.cards, strict=True):
            assert digest not in self.dealt_cards, "nothing earns two cards"
            self.dealt_cards[digest] = card
            self.put(PersonId(person_id), Card(card), cause)

    def put(self, person_id: PersonId, card: Card, cause: Cause) -> None:  # noqa: ARG002 - for the history
        """A card comes into a hand."""
        self.hands[person_id] = hand.add(self.hands.get(person_id, hand.EMPTY), card)
        self.held[card - 1] += 1

    def take(self, person_id: PersonId, card: Card, cause: Cause) -> None:  # noqa: ARG002 - for the history
        """A card leaves a hand, where it must be."""
        self._keep(person_id, hand.remove(self.hand_of(person_id), card))
        self.held[card - 1] -= 1

    def take_set(self, person_id: PersonId, cause: Cause) -> None:  # noqa: ARG002 - for the history
        """One of each card leaves a hand, where they must be."""
        self._keep(person_id, hand.remove_set(self.hand_of(person_id)))
        for index in range(len(CARDS)):
            self.held[index] -= 1

    def take_sets(self, person_ids: NDArray[np.int64], cause: Cause) -> None:
        """One of each card leaves the hand of each; nobody is named twice."""
        for person_id in person_ids.tolist():
            self.take_set(PersonId(person_id), cause)

    def have_sets(self, person_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each holds one of each card."""
        return np.array(
            [not hand.missing(self.hand_of(PersonId(person_id))) for person_id in person_ids.tolist()],
            np.bool_,
        )

    def put_set(self, person_id: PersonId, cause: Cause) -> None:
        """One of each card comes back into a hand, because its set was undone."""
        for card in CARDS:
            self.put(person_id, card, cause)

    def take_hand(self, person_id: PersonId, cause: Cause) -> tuple[int, ...]:
        """All cards leave a hand: how many copies of each of `CARDS` there were."""
        copies = hand.counts(self.hand_of(person_id))
        for card, count in zip(CARDS, copies, strict=True):
            for _ in range(count):
                self.take(person_id, card, cause)
        return copies

    def put_hand(self, person_id: PersonId, copies: Sequence[int], cause: Cause) -> None:
        """So many copies of each of `CARDS` come into a hand."""
        for card, count in zip(CARDS, copies, strict=True):
            for _ in range(count):
                self.put(person_id, card, cause)

    def _keep(self, person_id: PersonId, left: Hand) -> None:
        if left == hand.EMPTY:
            del self.hands[person_id]
        else:
            self.hands[person_id] = left
