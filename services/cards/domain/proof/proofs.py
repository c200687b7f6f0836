"""The proof of a card: where in the draw it was. Anyone can check it, with the published text alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

from services.cards.domain.supply.draw import SEED_BYTES, commitment, deck_cards, draw_key
from services.cards.domain.vocabulary import CARDS, CampaignId, Card
from services.mesh.shards.hashing import SHARD_COUNT_MAX

CAMPAIGN_ID_BYTES_MAX = 40
DECK_CARDS_MAX = 1 << 20
"""What no game goes beyond, by the contract and the settings' bounds: so no file can ask for more work."""
DECK_NUMBER_MAX = (1 << 63) - 1


class Mismatch(Exception):
    """Something that was published is not what the seed and its commitment say; the message names it."""


@dataclass(frozen=True, slots=True)
class GameSeed:
    """What fixes the order of every deck of a game."""

    campaign_id: CampaignId
    seed_commitment: bytes
    """SHA-256 of the seed, public since the game was created."""
    seed: bytes
    shard_count: int

    def check(self) -> None:
        """Raises `Mismatch` for what no honest game can have."""
        if len(self.seed) != SEED_BYTES:
            raise Mismatch(f"the seed has {len(self.seed)} bytes, not {SEED_BYTES}")
        if commitment(self.seed) != self.seed_commitment:
            raise Mismatch("the revealed seed is not the one that was committed to")
        if not 1 <= len(self.campaign_id.encode()) <= CAMPAIGN_ID_BYTES_MAX:
            raise Mismatch("the campaign's id is empty or too long")
        if not 1 <= self.shard_count <= SHARD_COUNT_MAX:
            raise Mismatch(f"no game has {self.shard_count} shards, but 1 to {SHARD_COUNT_MAX}")

    def key(self, shard: int) -> bytes:
        """The key of one shard's draws."""
        return draw_key(self.seed, self.campaign_id, shard)


def check_deck(number: int, kind_counts: tuple[int, ...]) -> None:
    """Raises `Mismatch` for a deck that no shard can have."""
    if not 1 <= number <= DECK_NUMBER_MAX:
        raise Mismatch(f"no deck has the number {number}")
    if len(kind_counts) != len(CARDS) or min(kind_counts) < 0:
        raise Mismatch(f"deck {number} does not have a number of cards for each of the {len(CARDS)} kinds")
    if not 0 < sum(kind_counts) <= DECK_CARDS_MAX:
        raise Mismatch(f"deck {number} has {sum(kind_counts)} cards, not 1 to {DECK_CARDS_MAX}")


@dataclass(frozen=True, slots=True)
class CardProof:
    """What fixes which card was dealt. It names nobody."""

    game: GameSeed
    shard: int
    """The shard that dealt it."""
    deck_number: int
    kind_counts: tuple[int, ...]
    """Cards of each kind in the deck."""
    place: int
    """The card's place in the deck, from 0."""
    card: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of a line `name=value` for each field in order, bytes in hexadecimal digits, as UTF-8."""
        said = [(field.name, getattr(self.game, field.name)) for field in fields(self.game)]
        said += [(field.name, getattr(self, field.name)) for field in fields(self)[1:]]
        lines = (f"{name}={_text(value)}\n" for name, value in said)
        return hashlib.sha256("".join(lines).encode()).digest()

    def check(self, digest: bytes) -> None:
        """Raises `Mismatch` unless the card is the drawn one, and nothing was changed since `digest`."""
        self.game.check()
        if not 0 <= self.shard < self.game.shard_count:
            raise Mismatch(f"the card was dealt by shard {self.shard}, of {self.game.shard_count} shards")
        check_deck(self.deck_number, self.kind_counts)
        if not 0 <= self.place < sum(self.kind_counts):
            raise Mismatch(f"deck {self.deck_number} has no place {self.place}")
        drawn = int(deck_cards(self.game.key(self.shard), self.deck_number, self.kind_counts)[self.place])
        if self.card != drawn:
            raise Mismatch(
                f"the card is said to be {card_word(self.card)}, the draw gives {card_word(drawn)}"
            )
        if digest != self.digest:
            raise Mismatch("the digest is of another proof: something in it was changed")


def card_word(card: int) -> str:
    """A card's name, or its number if there is no such card."""
    return Card(card).name if card in tuple(Card) else f"card {card}"


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
