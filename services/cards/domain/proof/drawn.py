"""What a shard drew in a game: its decks, and which of their cards went where."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.cards.domain.events import ShardSealed
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.proof.errors import CardNotDealt, GameNotClosed
from services.cards.domain.proof.proofs import CardProof, GameSeed
from services.cards.domain.supply.decks import DeckRecord
from services.cards.domain.supply.draw import commitment
from services.cards.domain.vocabulary import PersonId, Source


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """Cards that were dealt from one deck one after the other."""

    deck_number: int
    first_place: int
    """Of the first one in the deck, from 0."""
    cards: bytes
    """A number for each."""


class DrawnDecks:
    """The decks from which cards were dealt, found by the shard's draws."""

    def __init__(self, records: Sequence[DeckRecord]) -> None:
        self._decks = [record for record in records if record.dealt]
        self._first_draws = [record.first_draw_index for record in self._decks]

    def runs(self, first_draw_index: int, cards: bytes) -> Iterator[DrawnRun]:
        """Cards of draws that follow each other, cut where one deck ends and the next begins."""
        draw = first_draw_index
        while cards:
            deck, place = self._at(draw)
            count = min(len(cards), deck.dealt - place)
            yield DrawnRun(deck.number, place, cards[:count])
            cards, draw = cards[count:], draw + count

    def _at(self, draw_index: int) -> tuple[DeckRecord, int]:
        deck = self._decks[bisect_right(self._first_draws, draw_index) - 1]
        place = draw_index - deck.first_draw_index
        assert 0 <= place < deck.dealt, "every card was dealt from a deck"
        return deck, place


def require_closed(game: ShardGame) -> None:
    """Raises `GameNotClosed` while the seed is secret."""
    if game.sets.decision is None:
        raise GameNotClosed(game.prepared.campaign_id, game.prepared.deadline_ms)


def sealed_as(game: ShardGame) -> ShardSealed:
    """How a closed game was sealed on its shard."""
    assert game.sets.sealed is not None, "a closed game is sealed"
    return game.sets.sealed


def prove_card(game: ShardGame, person_id: PersonId, source: Source, source_key: str) -> CardProof:
    """Where in the draw a person's card was. Raises `GameNotClosed`, `CardNotDealt`."""
    require_closed(game)
    prepared, decision = game.prepared, game.sets.decision
    assert decision is not None, "the game is closed"
    found = _draw_of(game.holdings, person_id, source, source_key)
    if found is None:
        raise CardNotDealt(prepared.campaign_id, source, source_key)
    draw_index, card = found
    deck, place = game.issued.decks.deck_of(draw_index)
    seed = GameSeed(
        prepared.campaign_id, commitment(decision.seed), decision.seed, len(decision.sets_by_shard)
    )
    return CardProof(seed, prepared.shard, deck.number, deck.counts, place, card)


def _draw_of(
    holdings: Holdings, person_id: PersonId, source: Source, source_key: str
) -> tuple[int, int] | None:
    """The index of the shard's draw that a person's card came from, and the card; None for no such card."""
    people = np.array([person_id], np.int64)
    rows = holdings.hands.rows(people)
    codes = holdings.deals.earned(source, people, [source_key], keeps_keys=False).codes
    movement = int(holdings.deals.find(rows, codes)[0])
    if movement < 0:
        return None
    first, first_draw_index = holdings.draws.at(movement)
    card = int(holdings.movements.cards(np.array([movement], np.int64))[0])
    return first_draw_index + movement - first, card
