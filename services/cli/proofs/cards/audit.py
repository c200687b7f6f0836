"""What was dealt in a card game, put beside what its seed gives, whether from a mesh or from a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.allocation.domain.proofs import Mismatch
from services.cards.domain.proof.proofs import Mismatch as NoProof
from services.cards.domain.proof.proofs import card_word, check_deck
from services.cards.domain.supply.draw import Kinds, deck_cards
from services.cards.domain.vocabulary import CARDS, SOURCES, Source
from services.cli.proofs.cards.shares import check_outcome
from services.cli.proofs.cards.statement import Outcome, Statement


@dataclass(frozen=True, slots=True)
class DeckSaid:
    """A deck that a shard got."""

    shard: int
    number: int
    kind_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CardsSaid:
    """Cards that were dealt from one deck one after the other."""

    shard: int
    deck_number: int
    first_place: int
    cards: Kinds
    sources: Kinds


@dataclass(frozen=True, slots=True)
class ShardSums:
    """What a shard's cards and sets come to."""

    shard: int
    leased: tuple[int, ...]
    """Cards of all decks that it got, by card."""
    issued: tuple[int, ...]
    """By card."""
    dealt: tuple[int, ...]
    """By source."""
    sets_completed: int
    sets_by_luck: tuple[int, ...]
    """Empty with equal shares."""


class Deal:
    """The deck that a shard deals from, and how far it has come."""

    __slots__ = ("cards", "dealt", "number")

    def __init__(self, number: int, cards: Kinds) -> None:
        self.number = number
        self.cards = cards
        self.dealt = 0


class CardsAudit:
    """Recomputes what it is told: shards in order, their decks in order, the cards in the order of dealing.

    Keeps the cards of one deck at a time. A deck's order is computed when the first card of it is told.
    """

    def __init__(self, statement: Statement) -> None:
        """Raises `Mismatch` when the statement itself does not hold."""
        statement.check()
        self.statement = statement
        self.cards = 0
        """Cards that were compared."""
        self.decks = 0
        """Decks that cards were dealt from."""
        self.issued = np.zeros(len(CARDS), np.int64)
        self.sums: list[ShardSums] = []
        """Of the shards that are done."""
        self._plan = statement.supply
        self._dealt = np.zeros(len(SOURCES), np.int64)
        self._shard = 0
        self._said: DeckSaid | None = None
        self._open: Deal | None = None
        self._begin_shard()

    def add_deck(self, deck: DeckSaid) -> None:
        """Takes the next deck of a shard. Raises `Mismatch` when it cannot be one."""
        self._require_shard(deck.shard, "a deck")
        try:
            check_deck(deck.number, deck.kind_counts)
        except NoProof as wrong:
            raise Mismatch(str(wrong)) from None
        if self._said is not None and deck.number <= self._said.number:
            raise Mismatch(f"deck {deck.number} of shard {deck.shard} comes after deck {self._said.number}")
        self._said, self._open = deck, None
        self._leased_here += np.array(deck.kind_counts, np.int64)

    def add_cards(self, said: CardsSaid) -> None:
        """Compares cards. Raises `Mismatch` for the first one that is not drawn so, or is one too many."""
        self._require_shard(said.shard, "cards")
        if not 0 < len(said.cards) == len(said.sources):
            raise Mismatch("a run of cards has at least one, and a source for each")
        deal = self._deal(said)
        if said.first_place != deal.dealt:
            raise Mismatch(
                f"after {deal.dealt} cards of deck {deal.number} of shard {said.shard} comes number "
                f"{said.first_place}"
            )
        self._compare(said, deal)
        deal.dealt += len(said.cards)
        self._count(said)

    def end_shard(self, sums: ShardSums) -> None:
        """Goes on to the next shard. Raises `Mismatch` unless the sums are those of what was compared."""
        self._require_shard(sums.shard, "the sums")
        for what, told, counted in (
            ("leased", sums.leased, self._leased_here),
            ("issued", sums.issued, self._issued_here),
            ("dealt", sums.dealt, self._dealt_here),
        ):
            if list(told) != counted.tolist():
                listed = ",".join(map(str, counted.tolist()))
                said = ",".join(map(str, told))
                raise Mismatch(f"shard {sums.shard} is said to have {what} {said}, it lists {listed}")
        if sums.sets_completed < 0:
            raise Mismatch("no shard has fewer sets than none")
        self.sums.append(sums)
        self._shard, self._said, self._open = sums.shard + 1, None, None
        self._begin_shard()

    def end(self, outcome: Outcome) -> None:
        """Compares how the pool was shared, after all shards. Raises `Mismatch`."""
        shard_count = self.statement.game.shard_count
        if self._shard != shard_count:
            raise Mismatch(f"shard {self._shard} of {shard_count} is missing")
        sets, most = sum(sums.sets_completed for sums in self.sums), int(self.issued.min())
        if sets > most:
            raise Mismatch(f"there are {sets} sets, but only {most} cards of one kind")
        check_outcome(self.statement, self.sums, outcome)

    def _begin_shard(self) -> None:
        self._leased_here, self._issued_here = np.zeros_like(self.issued), np.zeros_like(self.issued)
        self._dealt_here = np.zeros_like(self._dealt)

    def _deal(self, said: CardsSaid) -> Deal:
        deck = self._said
        if deck is None or deck.number != said.deck_number:
            raise Mismatch(
                f"cards of deck {said.deck_number} of shard {said.shard} stand where it was not begun"
            )
        if self._open is None:
            self.decks += 1
            key = self.statement.game.key(said.shard)
            self._open = Deal(deck.number, deck_cards(key, deck.number, deck.kind_counts))
        return self._open

    def _compare(self, said: CardsSaid, deal: Deal) -> None:
        drawn = deal.cards[said.first_place : said.first_place + len(said.cards)]
        if len(drawn) < len(said.cards):
            raise Mismatch(
                f"deck {deal.number} of shard {said.shard} has {len(deal.cards)} cards, "
                f"but card {said.first_place + len(drawn)} of it is said to have been dealt"
            )
        same = drawn == said.cards
        if not same.all():
            first = int(np.argmin(same))
            raise Mismatch(
                f"card {said.first_place + first} of deck {deal.number} of shard {said.shard} is said to be "
                f"{card_word(int(said.cards[first]))}; the draw gives {card_word(int(drawn[first]))}"
            )

    def _count(self, said: CardsSaid) -> None:
        issued = np.bincount(said.cards, minlength=len(CARDS) + 1)[1:]
        dealt = np.bincount(said.sources, minlength=len(SOURCES) + 1)
        if dealt[0] or len(dealt) > len(SOURCES) + 1:
            raise Mismatch("a card was dealt from a source that is none")
        self.cards += len(said.cards)
        self.issued += issued
        self._issued_here += issued
        self._dealt += dealt[1:]
        self._dealt_here += dealt[1:]
        for card, count, limit in zip(CARDS, self.issued.tolist(), self._plan.limits, strict=True):
            if count > limit:
                raise Mismatch(f"the limit of {card.name} is {limit}, and {count} were issued up to here")
        for source, count, quota in zip(Source, self._dealt.tolist(), self._plan.quotas, strict=True):
            if count > quota:
                raise Mismatch(f"the quota of {source.name} is {quota}, and {count} were dealt up to here")

    def _require_shard(self, shard: int, what: str) -> None:
        if shard != self._shard:
            raise Mismatch(f"{what} of shard {shard} stand where those of shard {self._shard} belong")
        if shard >= self.statement.game.shard_count:
            raise Mismatch(f"there is no shard {shard}, of {self.statement.game.shard_count} shards")
