"""The decks of one game on one shard: dealt from the top, one after the other, without a gap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.cards.domain.supply.draw import Kinds, deck_cards
from services.cards.domain.supply.grants import NO_CARDS, add, subtract
from services.cards.domain.vocabulary import CARDS


@dataclass(frozen=True, slots=True)
class DeckRecord:
    """A deck, for whoever computes it again."""

    number: int
    """Its lease."""
    counts: tuple[int, ...]
    """Its composition, by card."""
    first_draw_index: int
    """The shard's draws that were made before it."""
    dealt: int
    """So many of its cards were dealt, from the top."""


class Decks:
    """Only the `*_happened` methods change it."""

    __slots__ = (
        "_counts",
        "_dealt",
        "_first_draws",
        "_key",
        "_numbers",
        "_open_index",
        "_orders",
        "draw_count",
        "left",
    )

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._numbers: list[int] = []
        self._counts: list[tuple[int, ...]] = []
        self._dealt: list[int] = []
        self._first_draws: list[int] = []
        """Draws before each deck; -1 while decks before it have cards left."""
        self._open_index = 0
        """Decks from this one on are neither dealt out nor given back."""
        self._orders: dict[int, Kinds] = {}
        """Cards of the open decks, by index."""
        self.left = NO_CARDS
        """Cards of the open decks that are not dealt, by card."""
        self.draw_count = 0
        """Cards dealt from all decks."""

    @property
    def left_count(self) -> int:
        """Cards that can be dealt."""
        return sum(self.left)

    @property
    def open_count(self) -> int:
        """Decks that have cards left."""
        return len(self._numbers) - self._open_index

    def next_cards(self, count: int) -> Kinds:
        """The next cards, or as many as there are; nothing is dealt by looking."""
        columns, wanted = [], count
        for index in range(self._open_index, len(self._numbers)):
            if not wanted:
                break
            dealt = self._dealt[index]
            columns.append(self._orders[index][dealt : dealt + wanted])
            wanted -= len(columns[-1])
        return columns[0] if len(columns) == 1 else np.concatenate([np.empty(0, np.uint8), *columns])

    def deck_happened(self, number: int, counts: tuple[int, ...]) -> None:
        """A deck comes under those that are there."""
        assert not self._numbers or number > self._numbers[-1], "decks come in the order of their leases"
        if not sum(counts):
            return
        self._numbers.append(number)
        self._counts.append(counts)
        self._dealt.append(0)
        self._first_draws.append(self.draw_count if self.open_count == 1 else -1)
        self._shuffle(len(self._numbers) - 1)
        self.left = add(self.left, counts)

    def deal_happened(self, cards: Sequence[int]) -> None:
        """The next cards are dealt: those that the decks say, and no others."""
        kinds = np.asarray(cards, dtype=np.uint8)
        assert np.array_equal(self.next_cards(len(kinds)), kinds), "the deck says which card is next"
        self.left = subtract(self.left, np.bincount(kinds, minlength=len(CARDS) + 1)[1:].tolist())
        count = len(kinds)
        self.draw_count += count
        while count:
            index = self._open_index
            taken = min(count, len(self._orders[index]) - self._dealt[index])
            self._dealt[index] += taken
            count -= taken
            if self._dealt[index] == len(self._orders[index]):
                self._close_first()

    def return_happened(self) -> None:
        """What is left goes back: no deck is open any more."""
        while self._open_index < len(self._numbers):
            self._close_first()
        self.left = NO_CARDS

    def records(self) -> tuple[DeckRecord, ...]:
        """All decks that ever came, in order."""
        firsts = [first if first >= 0 else self.draw_count for first in self._first_draws]
        columns = zip(self._numbers, self._counts, firsts, self._dealt, strict=True)
        return tuple(DeckRecord(*row) for row in columns)

    def place_of(self, draw_index: int) -> tuple[int, int]:
        """The deck's number and the place in it, from 0, of a draw that was made."""
        deck, place = self.deck_of(draw_index)
        return deck.number, place

    def deck_of(self, draw_index: int) -> tuple[DeckRecord, int]:
        """The deck and the place in it, from 0, of a draw that was made."""
        assert 0 <= draw_index < self.draw_count, "the draw was made"
        last = min(self._open_index, len(self._numbers) - 1)
        index = bisect_right(self._first_draws, draw_index, hi=last + 1) - 1
        first = self._first_draws[index]
        deck = DeckRecord(self._numbers[index], self._counts[index], first, self._dealt[index])
        return deck, draw_index - first

    @property
    def open_index(self) -> int:
        """Of `records`, the first that has cards left."""
        return self._open_index

    def restore(self, records: Sequence[DeckRecord], open_index: int) -> None:
        """Takes over what a snapshot kept, into decks that are new."""
        assert not self._numbers, "only new decks are restored"
        self._open_index = open_index
        for index, record in enumerate(records):
            self._numbers.append(record.number)
            self._counts.append(record.counts)
            self._dealt.append(record.dealt)
            self._first_draws.append(record.first_draw_index if index <= open_index else -1)
            self.draw_count += record.dealt
            if index >= open_index:
                self._shuffle(index)
                rest = self._orders[index][record.dealt :]
                self.left = add(self.left, np.bincount(rest, minlength=len(CARDS) + 1)[1:].tolist())

    def _shuffle(self, index: int) -> None:
        self._orders[index] = deck_cards(self._key, self._numbers[index], self._counts[index])

    def _close_first(self) -> None:
        del self._orders[self._open_index]
        self._open_index += 1
        if self._open_index < len(self._numbers):
            before = self._open_index - 1
            self._first_draws[self._open_index] = self._first_draws[before] + self._dealt[before]
